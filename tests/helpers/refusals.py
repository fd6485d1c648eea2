"""Has a listener in a network namespace of its own refuse connections in one way, an exact number of times.

Run as ``python -m tests.helpers.refusals WAY``. It waits for a line on its standard input before it
begins, prints what it did as one JSON object, and keeps the listener until its input ends.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from fcntl import ioctl
from ipaddress import IPv4Address
from pathlib import Path
from struct import pack
from typing import Any

from listenwatch.conformance.harness import io_uring
from listenwatch.linux import libc, netstat
from listenwatch.linux.outside import Outside
from listenwatch.linux.packets import Segment, TcpFlag
from listenwatch.linux.tun import FAR, NAME, NEAR

V4, V6 = socket.AF_INET, socket.AF_INET6
FLOOD = 50_000
"""SYNs, each from an address of its own."""

KIND_OF = {
    "ipv6": "syn_accept_queue_full",
    "dual_stack": "syn_accept_queue_full",
    "flood": "syn_accept_queue_full",
    "reuseport_group": "syn_accept_queue_full",
    "sent_again": "syn_accept_queue_full",
}
"""The kind each way is named as, where it is not called so."""

AGAIN = 4
"""How often each SYN of ``sent_again`` is sent."""

kept: list[socket.socket] = []


def sysctl(name: str, value: int) -> None:
    Path("/proc/sys/net", name).write_text(str(value))


class Refuser:
    """A listener and a host outside that never gets accepted."""

    def __init__(self, backlog: int, family: int = V4, *, dual: bool = False) -> None:
        self.family, self.outside = family, Outside()
        self.port = 0
        self._kind = V6 if dual else family
        self._host = "::" if dual else NEAR[socket.AddressFamily(family)]
        self._backlog = backlog
        self.add_to_group()

    def add_to_group(self) -> None:
        """A listener; after the first another at the same address."""
        sock = socket.socket(self._kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((self._host, self.port))
        sock.listen(self._backlog)
        kept.append(sock)
        self.port = sock.getsockname()[1]

    def syns(self, count: int) -> int:
        """Send SYNs; how many were not answered."""
        return count - len(self.outside.syn(self.family, self.port, count))

    def fill(self, count: int) -> None:
        """So many handshakes to their end."""
        for _ in range(count):
            reply = self.outside.syn(self.family, self.port, 1)
            self.outside.ack(self.family, self.port, reply)


def syn_accept_queue_full(family: int = V4, *, dual: bool = False) -> int:
    refuser = Refuser(2, family, dual=dual)
    refuser.fill(3)
    return refuser.syns(11)


def sent_again() -> int:
    """As a client does that is not answered: the same SYN, from the same port."""
    refuser = Refuser(2)
    refuser.fill(3)
    for _ in range(AGAIN):
        for source in range(50_000, 50_009):
            segment = Segment(FAR[V4], source, NEAR[V4], refuser.port, TcpFlag.SYN)
            refuser.outside.tun.send(segment.pack())
    return 9 * AGAIN


def ipv6() -> int:
    return syn_accept_queue_full(V6)


def dual_stack() -> int:
    return syn_accept_queue_full(dual=True)


def syn_queue_full() -> int:
    sysctl("ipv4/tcp_syncookies", 0)
    return Refuser(5).syns(12)


def syn_cookie_sent() -> int:
    """Those that leave no request behind: the SYN queue holds the limit, or one more (6.13)."""
    sysctl("ipv4/tcp_syncookies", 1)
    start = netstat.read()
    assert Refuser(5).syns(12) == 0
    return netstat.moved(start)["SyncookiesSent"]


def syn_dropped() -> int:
    """The last quarter of tcp_max_syn_backlog."""
    sysctl("ipv4/tcp_syncookies", 0)
    sysctl("ipv4/tcp_max_syn_backlog", 16)
    return Refuser(100).syns(20)


def _acks(abort: int) -> int:
    sysctl("ipv4/tcp_abort_on_overflow", abort)
    refuser = Refuser(8)
    waiting = refuser.outside.syn(V4, refuser.port, 2)
    refuser.fill(9)
    refuser.outside.ack(V4, refuser.port, waiting)
    return len(waiting)


def ack_ignored() -> int:
    return _acks(0)


def ack_reset() -> int:
    return _acks(1)


def unix_eagain() -> int:
    _unix_full("\0listenwatch-\n-eagain")
    for _ in range(3):
        assert _client().connect_ex("\0listenwatch-\n-eagain") == errno.EAGAIN
    return 3


def unix_blocked() -> int:
    _unix_full("\0listenwatch-blocked")
    client = _client()
    client.setblocking(True)
    thread = threading.Thread(target=client.connect, args=("\0listenwatch-blocked",), daemon=True)
    thread.start()
    status = Path(f"/proc/self/task/{_wait_for_id(thread)}/stat")
    while status.read_text().rsplit(")", 1)[1].split()[0] != "S":
        os.sched_yield()
    return 1


def unix_eagain_by_io_uring() -> int:
    """Not on 5.10, whose io_uring tries again and again though the socket is not to wait."""
    _unix_full("\0listenwatch-ring-eagain")
    assert io_uring.connect(_client().fileno(), _sockaddr("\0listenwatch-ring-eagain")) == errno.EAGAIN
    return 1


def unix_blocked_by_io_uring() -> int:
    """io_uring tries first without waiting, of which the caller hears nothing."""
    _unix_full("\0listenwatch-ring-blocked")
    client = _client()
    client.setblocking(True)
    arguments = client.fileno(), _sockaddr("\0listenwatch-ring-blocked")
    threading.Thread(target=io_uring.connect, args=arguments, daemon=True).start()
    while not any(map(_waits_for_room, Path("/proc/self/task").iterdir())):
        time.sleep(0.1)
    return 1


def _sockaddr(name: str) -> bytes:
    return pack("=H", socket.AF_UNIX) + name.encode()


def _waits_for_room(task: Path) -> bool:
    try:
        return "unix_wait_for_peer" in (task / "stack").read_text()
    except OSError:  # it has ended
        return False


def _wait_for_id(thread: threading.Thread) -> int:
    while thread.native_id is None:
        os.sched_yield()
    return thread.native_id


def _unix_full(name: str) -> None:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(name)
    sock.listen(1)
    kept.append(sock)
    for _ in range(2):
        _client().connect(name)


def _client() -> socket.socket:
    kept.append(socket.socket(socket.AF_UNIX))
    kept[-1].setblocking(False)
    return kept[-1]


def flood(number: int = FLOOD) -> int:
    """At one full listener."""
    refuser = Refuser(2)
    refuser.fill(3)
    for name in ("all", NAME):
        sysctl(f"ipv4/conf/{name}/rp_filter", 0)
    tun, port = refuser.outside.tun, refuser.port
    for count in range(number):
        source = str(IPv4Address("10.0.0.0") + count)
        tun.send(Segment(source, 1024, NEAR[V4], port, TcpFlag.SYN).pack())
    return number


def reuseport_group() -> int:
    """Two listeners at one address, until both were full many times."""
    refuser = Refuser(2)
    refuser.add_to_group()
    start = netstat.read()
    while netstat.moved(start).get("ListenOverflows", 0) < 40:
        refuser.fill(1)
    return netstat.moved(start)["ListenOverflows"]


WAYS: dict[str, Callable[[], int]] = {
    way.__name__: way
    for way in (
        syn_accept_queue_full, syn_queue_full, syn_cookie_sent, syn_dropped, ack_ignored, ack_reset,
        unix_eagain, unix_blocked, ipv6, dual_stack, flood, reuseport_group, sent_again,
    )
}  # fmt: skip

WAYS_BY_IO_URING: dict[str, Callable[[], int]] = {
    "unix_eagain": unix_eagain_by_io_uring, "unix_blocked": unix_blocked_by_io_uring,
}  # fmt: skip
"""By the kind of each; only the kernel's functions show them."""


def connections_of(way: str, times: int) -> int | None:
    """Of how many connections so many refusals are; None where they cannot be told apart."""
    if way.startswith("unix"):
        return None
    return times // AGAIN if way == "sent_again" else times


def enter_namespace() -> int:
    """A network namespace of its own; returns its inode number."""
    libc.unshare(libc.CLONE_NEWNET)
    with socket.socket(V4, socket.SOCK_DGRAM) as sock:
        ioctl(sock, 0x8914, pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
    sysctl("core/somaxconn", 4096)
    return os.stat("/proc/self/ns/net").st_ino  # noqa: PTH116  a magic link


def refuse(way: str) -> dict[str, Any]:
    """Do it; how often it was refused, and by how much the kernel's counters moved."""
    return done_by((lambda: flood(70_000)) if way == "flood_of_70000" else WAYS[way])


def done_by(way: Callable[[], int]) -> dict[str, Any]:
    """What a way of refusing did."""
    start = netstat.read()
    times = way()
    return {"times": times, "moved": netstat.moved(start), "pid": os.getpid()}


def main(way: str) -> None:
    """Do it when told, and say so."""
    print(enter_namespace(), flush=True)
    sys.stdin.readline()
    print(json.dumps(refuse(way)), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
