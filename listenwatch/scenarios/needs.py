"""What some scenarios depend on: each need has a name, and is found out by trying it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import lru_cache

from listenwatch.scenarios import compat, io_uring, lsm, ulp, world
from listenwatch.scenarios.kinds import IPV6, MPTCP, Kind
from listenwatch.scenarios.lab import Lab, Skip

KPROBES = "kprobe attach mode"
"""Doors past the system call tracepoints: only kprobes, or fentry on the same functions, see the calls
that come through them."""


@lru_cache
def unmet(need: str, attach: str) -> str | None:
    """Why this machine does not meet the need; None if it does.

    Tried in a process and namespace of its own, so that a trial can neither crash nor change us.
    """
    if need == KPROBES:
        return None if attach in ("kprobe", "fentry") else "tracepoints do not see calls through this door"
    report = world.run(CHECKS[need])
    return report.skip or (report.error.strip().split("\n")[-1] if report.error else None)


def _has(kind: Kind) -> Callable[[Lab], None]:
    def check(lab: Lab) -> None:
        try:
            lab.bound(kind)
        except OSError as error:
            raise Skip(f"{kind.name}: {error.strerror}") from None

    return check


def _opens(family: int, kind: int, protocol: int = 0) -> Callable[[Lab], None]:
    """A check that such a socket can be made; the kernel loads the module, where it has one."""

    def check(lab: Lab) -> None:
        try:
            lab.keep(socket.socket(family, kind, protocol))
        except OSError as error:
            raise Skip(f"socket(): {error.strerror}") from None

    return check


CHECKS: dict[str, Callable[[Lab], None]] = {
    "IPv6": _has(IPV6),
    "MPTCP": _has(MPTCP),
    "UDP-Lite": _has(Kind("UDP-Lite", 2, 2, 136, "127.0.0.1")),
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
    "32-bit system calls": compat.check,
    "io_uring listen (6.11)": io_uring.check,
    "TLS": ulp.check(ulp.TLS),
    "ESP in TCP": ulp.check(ulp.ESPINTCP),
    "BPF LSM": lsm.check,
}
"""Need by need, a trial that raises Skip, or dies, where the need is not met."""
