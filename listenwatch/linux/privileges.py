"""Capabilities: which each command needs, which this process has, and giving up the rest."""

import ctypes
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from listenwatch.errors import ObserveError
from listenwatch.linux import libc

CAPABILITIES = {
    "CAP_DAC_OVERRIDE": 1, "CAP_DAC_READ_SEARCH": 2, "CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7,
    "CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_SYS_PTRACE": 19, "CAP_SYS_ADMIN": 21, "CAP_PERFMON": 38,
    "CAP_BPF": 39,
}  # fmt: skip
"""Those that matter here and their numbers (include/uapi/linux/capability.h)."""

ATTACH = ("CAP_BPF", "CAP_PERFMON", "CAP_DAC_READ_SEARCH")
"""To attach: programs and maps; kprobes and tracepoints; tracefs, a folder of mode 0700 that has to be mounted
already. Not mounted, it takes CAP_SYS_ADMIN. ``to_attach`` says where more is needed."""
FIND_NAMESPACES = ("CAP_SYS_PTRACE",)
"""The namespaces of other users' processes."""
FIND_HOLDERS = ("CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE")
"""The descriptors of other users' processes: /proc/PID/fd has mode 0500, and each link in it asks ptrace_may_access()."""
ENTER_NAMESPACES = ("CAP_SYS_ADMIN",)
"""setns() into another network namespace."""


IN_NAMESPACES = (*ATTACH, "CAP_NET_ADMIN", "CAP_SYS_ADMIN")
"""To watch, in network namespaces of their own, programs that are part of the command."""

_FOR_SCENARIOS = ("CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_DAC_OVERRIDE")
_PARTS_OF_SYS_ADMIN = ("CAP_BPF", "CAP_PERFMON")


class Needs(NamedTuple):
    """What a command does not run without, and what it can see ``more`` with; without that it says what it does not see."""

    needed: tuple[str, ...]
    more: tuple[str, ...] = ()


COMMANDS = {
    "watch": Needs(ATTACH),
    "overflow": Needs(ATTACH, (*FIND_NAMESPACES, *ENTER_NAMESPACES)),
    "exporter": Needs(ATTACH, (*FIND_NAMESPACES, *ENTER_NAMESPACES)),
    "sockets": Needs((), (*FIND_HOLDERS, *ENTER_NAMESPACES)),
    "features": Needs((), ATTACH),
    # with raw sockets, other users' sockets and /dev/net/tun; a few scenarios still fail, root's do not
    "verify": Needs(IN_NAMESPACES, _FOR_SCENARIOS),
    "lab": Needs(IN_NAMESPACES),
}
"""Measured as nobody with no new privileges and tracefs mounted (tests/kernel/test_privileges.py)."""

READ_MAPS = ("CAP_BPF",)
"""What reading the maps of attached programs takes; before v6.0 bpf(2) refuses all without
(kernel.unprivileged_bpf_disabled)."""


class Privilege(NamedTuple):
    """Effective capabilities as a bit mask, and whether they count for the whole machine or only a container's."""

    capabilities: int
    initial_user_namespace: bool

    def has(self, name: str) -> bool:
        """Whether one of CAPABILITIES is effective."""
        return bool(self.capabilities >> CAPABILITIES[name] & 1)

    def has_all(self, names: Iterable[str]) -> bool:
        """Whether they are, for the whole machine; CAP_SYS_ADMIN stands for some others (bpf_capable(), perfmon_capable())."""
        enough = (self.has(name) or (name in _PARTS_OF_SYS_ADMIN and self.has("CAP_SYS_ADMIN")) for name in names)
        return self.initial_user_namespace and all(enough)

    @property
    def may_use_bpf(self) -> bool:
        """Whether nothing that bpf(2) refuses is refused for lack of privilege."""
        return self.has_all(_PARTS_OF_SYS_ADMIN)


def own_privilege(root: Path = Path("/")) -> Privilege:
    """CapEff of this process, and whether it lives in the initial user namespace (user_namespaces(7))."""
    status = (root / "proc/self/status").read_text()
    capabilities = next(
        int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:")
    )
    mapping = (root / "proc/self/uid_map").read_text().split()
    return Privilege(capabilities, mapping == ["0", "0", "4294967295"])


def remedy(needed: Collection[str]) -> str:
    """What to do about a refusal for lack of these; empty where this process has them all."""
    try:
        if own_privilege().has_all(needed):
            return ""
    except OSError:  # no /proc: not known
        pass
    *others, last = needed
    return f"run it as root, or with {', '.join(others)}{' and ' if others else ''}{last}"


def check_namespaces(what: str) -> None:
    """ObserveError, which says ``what`` runs in them, where this user may not watch programs in namespaces of their own."""
    if not own_privilege().has_all(IN_NAMESPACES):
        raise ObserveError(f"{what} in network namespaces of their own: {remedy(IN_NAMESPACES)}")


def to_attach(root: Path = Path("/")) -> tuple[str, ...]:
    """The least to attach with here: ATTACH, or CAP_SYS_ADMIN in place of two of them.

    Kernels of Debian and of Ubuntu know values of kernel.perf_event_paranoid above 2. With these perf_event_open(2)
    asks for CAP_SYS_ADMIN and takes no CAP_PERFMON instead, in every attach mode (measured on Debian's 6.1 and 7.3).
    """
    try:
        is_for_perfmon = int((root / "proc/sys/kernel/perf_event_paranoid").read_text()) <= 2
    except (OSError, ValueError):  # not known
        is_for_perfmon = True
    if is_for_perfmon:
        return ATTACH
    return (*(name for name in ATTACH if name not in _PARTS_OF_SYS_ADMIN), "CAP_SYS_ADMIN")


_VERSION_3 = 0x2008_0522  # _LINUX_CAPABILITY_VERSION_3: masks of 64 bits in two parts


def keep_only(names: Iterable[str]) -> None:
    """Give up every other capability of this thread for good; what it starts as root has all again.

    Those this process has not are not gained. OSError where the kernel refuses.
    """
    effective = own_privilege().capabilities
    mask = effective & sum(1 << CAPABILITIES[name] for name in names)
    parts = [part for half in (mask & 0xFFFF_FFFF, mask >> 32) for part in (half, half, 0)]
    libc.capset((ctypes.c_uint32 * 2)(_VERSION_3, 0), (ctypes.c_uint32 * 6)(*parts))
