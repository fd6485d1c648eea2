"""Which kernel this is, and which Behaviour it has: from its release and its BTF, never from a listen()."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from listenwatch.errors import ObserveError
from listenwatch.model.behaviour import LINUX_5_10, LINUX_6_6, LINUX_7_3, Behaviour

BTF = Path("/sys/kernel/btf/vmlinux")
VERSION_SIGNATURE = Path("/proc/version_signature")
FUNCTIONS = ("inet6_hash", "__inet_listen_sk")

Version = tuple[int, int, int]


class Kernel(NamedTuple):
    """A kernel as a recording names it.

    ``release`` is uname -r; ``version`` the upstream version it was built from; ``has`` says for
    each function that tells eras apart whether the kernel's BTF lists it (empty without BTF).
    """

    release: str
    version: Version
    machine: str
    has: dict[str, bool]

    @property
    def series(self) -> str:
        """Major and minor number, such as ``6.1``."""
        return f"{self.version[0]}.{self.version[1]}"


def parse_version(release: str, build: str = "") -> Version:
    """The upstream version from uname -r and the build line.

    Distributions freeze uname -r (Debian's 6.1.0-50-amd64 is 6.1.192, Ubuntu's 5.15.0-91-generic
    is 5.15.131). Debian puts the real one in uname -v, Ubuntu in /proc/version_signature, which
    belongs to ``build`` where it exists. ValueError if nothing here is a version.
    """
    number = r"(\d+)\.(\d+)(?:\.(\d+))?"
    found = (
        re.search(rf"Debian {number}", build)
        or re.search(rf"Ubuntu \S+ {number}", build)
        or re.match(number, release)
    )
    if not found:
        raise ValueError(f"not a kernel release: {release!r}")
    return int(found[1]), int(found[2]), int(found[3] or 0)


def btf_functions(path: Path = BTF) -> dict[str, bool]:
    """Which of FUNCTIONS the kernel's BTF names; empty if it has none. Its strings are NUL-terminated."""
    try:
        text = path.read_bytes()
    except OSError:
        return {}
    return {name: b"\0" + name.encode() + b"\0" in text for name in FUNCTIONS}


def _version_signature() -> str:
    try:
        return VERSION_SIGNATURE.read_text()
    except OSError:
        return ""


def running_kernel() -> Kernel:
    """The kernel this process runs on."""
    system = os.uname()
    try:
        version = parse_version(system.release, f"{system.version} {_version_signature()}")
    except ValueError as error:
        raise ObserveError(f"cannot tell this kernel's version: {error}") from None
    return Kernel(system.release, version, system.machine, btf_functions())


def _ulp_refused(version: Version) -> bool | None:
    """Behaviour.ulp_without_clone_refused by release; None between the trees that were read."""
    if version >= (6, 2, 0):
        return True
    for with_it, without_it in (
        ((6, 1, 55), (6, 1, 0)),
        ((5, 15, 100), (5, 15, 24)),
        ((5, 10, 223), (5, 10, 0)),
    ):
        if version[:2] == with_it[:2]:
            return True if version >= with_it else False if version <= without_it else None
    return None if version[:2] == (6, 0) else False


def _unix_wrong_state(version: Version) -> bool | None:
    """Behaviour.unix_wrong_state_listens by release; None between the trees that were read."""
    if not (6, 16, 0) <= version < (7, 2, 12):
        return False
    if version[:2] == (6, 18):
        return True if version <= (6, 18, 2) else False if version >= (6, 18, 44) else None
    return True if version < (7, 0, 0) else None


def behaviour_of(kernel: Kernel) -> Behaviour:
    """The Behaviour of a kernel from 5.10 on: its era by release, its functions by BTF where there is one."""
    version = kernel.version
    if version < (5, 10, 0):
        raise ObserveError(
            f"the model describes kernels from 5.10 on; this is {kernel.release} ({kernel.series})"
        )
    era = LINUX_5_10 if version < (6, 6, 0) else LINUX_6_6 if version < (6, 18, 0) else LINUX_7_3
    era = era._replace(
        ulp_without_clone_refused=_ulp_refused(version),
        unix_wrong_state_listens=_unix_wrong_state(version),
    )
    if kernel.has:
        era = era._replace(
            ipv6_hash="inet6_hash" if kernel.has["inet6_hash"] else "inet_hash",
            mptcp_enters="__inet_listen_sk" if kernel.has["__inet_listen_sk"] else "inet_listen",
        )
    return era
