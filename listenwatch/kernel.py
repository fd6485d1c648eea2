"""Which kernel this is, and which Behaviour it has: from its release and its BTF, never from a listen()."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from listenwatch.errors import ObserveError
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.eras import behaviour_for

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


def behaviour_of(kernel: Kernel) -> Behaviour:
    """The Behaviour of a kernel a probe runs on, from 5.10 on.

    Its era and its stable tree by release, its functions by BTF where there is one.
    """
    version = kernel.version
    if version < (5, 10, 0):
        raise ObserveError(
            f"the probe watches kernels from 5.10 on; this is {kernel.release} ({kernel.series}), "
            f"whose listen() 'listenwatch predict --kernel {kernel.series}' describes"
        )
    found = behaviour_for(version)
    if kernel.has:
        found = found._replace(
            ipv6_hash="inet6_hash" if kernel.has["inet6_hash"] else "inet_hash",
            mptcp_enters="__inet_listen_sk" if kernel.has["__inet_listen_sk"] else "inet_listen",
        )
    return found
