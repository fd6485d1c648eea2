"""Counts of the overflow probe and listeners, as a test wants them."""

from __future__ import annotations

import socket
from pathlib import Path

from listenwatch.bpf.overflow import Counted
from listenwatch.linux.netns import Namespace
from listenwatch.linux.sock_diag import Listener
from listenwatch.overflow.kinds import OverflowKind

HERE = Namespace(100, Path("/proc/thread-self/ns/net"))


def counted(
    address: str, port: int = 80, *, kind: OverflowKind = OverflowKind.SYN_ACCEPT_QUEUE_FULL, cookie: int = 0,
    sk: int = 0, netns: int = 100, netns_cookie: int = 0,
) -> Counted:  # fmt: skip
    if ":" in address:
        family, raw = socket.AF_INET6, socket.inet_pton(socket.AF_INET6, address)
    elif address[:1].isdigit():
        family, raw = socket.AF_INET, socket.inet_aton(address)
    else:
        family, raw = socket.AF_UNIX, address.encode()
        port = len(raw)
    return Counted(sk, netns_cookie, netns, port, family, kind, raw.ljust(112, b"\0"), 5, cookie, 3, 2, 1, 1, 4, 0)


def listener(
    address: str, port: int = 80, *, queue: int = 0, limit: int = 2, cookie: int = 1
) -> Listener:
    if address.startswith("["):
        return Listener("tcp6", 10, address, port, 0, queue, limit, cookie, cookie, 0)
    if address[:1].isdigit():
        return Listener("tcp", 2, address, port, 0, queue, limit, cookie, cookie, 0)
    return Listener("unix", 1, address, 0, 0, queue, limit, cookie, cookie, None)
