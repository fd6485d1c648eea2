"""What some scenarios depend on: each need has a name, and is tried."""

import os
import socket
from collections.abc import Callable
from functools import lru_cache

from listenwatch.conformance.harness import compat, io_uring, lsm, process, ulp
from listenwatch.conformance.harness.socket_kinds import IPV6, MPTCP, SocketKind
from listenwatch.conformance.harness.testbed import Testbed
from listenwatch.errors import Skip

KPROBES = "kprobe attach mode"
"""Entry paths past the system call tracepoints: only kprobes, or fentry on the same functions, see the calls
that come through them."""
COMPAT_SEEN = "an attach mode that sees 32-bit callers"
_SEEING = {KPROBES: ("kprobe", "fentry"), COMPAT_SEEN: ("kprobe", "fentry", "seccomp")}


@lru_cache
def unmet(need: str, attach: str) -> str | None:
    """Why this machine does not meet the need; None if it does.

    Tried in a process and namespace of its own, so that a trial can neither crash nor change us.
    """
    if need in _SEEING:
        who = "tracepoints do" if attach == "tracepoint" else f"attach mode {attach} does"
        return None if attach in _SEEING[need] else f"{who} not see calls by this entry path"
    report = process.run(CHECKS[need])
    return report.skip or (report.error.strip().split("\n")[-1] if report.error else None)


def _works(trial: Callable[[Testbed], object], what: str) -> Callable[[Testbed], None]:
    def check(testbed: Testbed) -> None:
        try:
            trial(testbed)
        except OSError as error:
            raise Skip(f"{what}: {error.strerror}") from None

    return check


def _has(kind: SocketKind) -> Callable[[Testbed], None]:
    return _works(lambda testbed: testbed.bound(kind), kind.name)


def _opens(family: int, kind: int, protocol: int = 0) -> Callable[[Testbed], None]:
    """A check that such a socket can be made; the kernel loads the module, where it has one."""
    return _works(lambda testbed: testbed.unbound(SocketKind("", family, kind, protocol)), "socket()")


CHECKS: dict[str, Callable[[Testbed], None]] = {
    "IPv6": _has(IPV6),
    "MPTCP": _has(MPTCP),
    "UDP-Lite": _has(SocketKind("UDP-Lite", 2, 2, 136, "127.0.0.1")),
    "VSOCK": _opens(socket.AF_VSOCK, socket.SOCK_STREAM),
    "VSOCK seqpacket (5.14)": _opens(socket.AF_VSOCK, socket.SOCK_SEQPACKET),
    "VSOCK datagrams": _opens(socket.AF_VSOCK, socket.SOCK_DGRAM),
    "SCTP": _opens(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP),
    "XDP": _opens(44, socket.SOCK_RAW),
    "AF_KEY": _opens(15, socket.SOCK_RAW, 2),
    "AF_ALG": _opens(socket.AF_ALG, socket.SOCK_SEQPACKET),
    "CAN": _opens(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW),
    "KCM": _opens(41, socket.SOCK_DGRAM),
    "RDS": _opens(socket.AF_RDS, socket.SOCK_SEQPACKET),
    "L2TP": _opens(socket.AF_INET, socket.SOCK_DGRAM, 115),
    "PPPoE": _opens(24, socket.SOCK_DGRAM),
    "Phonet": _opens(35, socket.SOCK_DGRAM),
    "TIPC": _opens(30, socket.SOCK_DGRAM),
    "Bluetooth": _opens(31, socket.SOCK_RAW, 1),
    "NFC": _opens(39, socket.SOCK_RAW),
    "32-bit system calls": compat.check,
    "32-bit socketcall": compat.check_socketcall,
    "io_uring listen (6.11)": io_uring.check,
    "another user's id": _works(lambda _: os.seteuid(65534), "seteuid(65534)"),
    "TLS": ulp.check(ulp.TLS),
    "ESP in TCP": ulp.check(ulp.ESPINTCP),
    "BPF LSM": lsm.check,
}
"""Need by need, a trial that raises Skip, or dies, where the need is not met."""
