"""What the exporter of ``tests.bench.lasting`` counts: rounds of it, each when a line comes, and then what was done as JSON.

Run as ``python -m tests.bench.load KIND SIZE``, as root; it first prints the inode number of its network namespace.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path

from listenwatch.linux import libc, netstat
from listenwatch.linux.packets import Segment, TcpFlag
from listenwatch.linux.tun import NAME, NEAR
from tests.helpers.cgroups import cgroup
from tests.helpers.listening import connecting
from tests.helpers.refusals import Refuser, enter_namespace, sysctl

PORTS = range(1024, 32_768)
"""None of them is the kernel's choice: each listener has a series of its own, if there is room."""
SOCKETS = 100
"""Of one round, all at places of their own."""
REFUSED = 3
"""By each container."""
Done = dict[str, int]
_places = count()


def day(size: int) -> Done:
    """A tenth of them listen() calls, on sockets that come and go; the others refusals, each of another client."""
    listens, calls = size // 10, int(not _full.cache_info().currsize)
    _full()
    with ExitStack() as held:
        sockets = [held.enter_context(_bound()) for _ in range(SOCKETS)]
        for _ in range(listens // SOCKETS):
            for sock in sockets:
                assert not libc.listen(sock.fileno(), random.randrange(10_000))
            calls += len(sockets)
    before = netstat.read()
    _flood(size - listens)
    return {"calls": calls, "refused": netstat.moved(before)["ListenOverflows"]}


def _bound() -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", PORTS[next(_places) % len(PORTS)]))
    return sock


@cache
def _full() -> Refuser:
    """The listener of every round, full from the first on."""
    refuser = Refuser(2)
    for name in ("all", NAME):
        sysctl(f"ipv4/conf/{name}/rp_filter", 0)
    refuser.fill(3)
    return refuser


@cache
def _syns(number: int) -> list[bytes]:
    """Each from an address of its own."""
    sources = (str(IPv4Address("10.0.0.0") + client) for client in range(number))
    return [Segment(source, 1024, NEAR[socket.AF_INET], _full().port, TcpFlag.SYN).pack() for source in sources]


def _flood(number: int) -> None:
    for syn in _syns(number):
        _full().outside.tun.send(syn)


def containers(size: int) -> Done:
    """Each in a cgroup as Docker's and a network namespace, both gone again: it listens, and refuses some."""
    for _ in range(size):
        with cgroup(f"docker-{secrets.token_hex(32)}.scope") as processes:
            child = os.fork()
            if not child:
                _live(processes)
            assert os.waitpid(child, 0)[1] == 0
    return {"calls": size, "refused": size * REFUSED}


def _live(processes: Path) -> None:
    """The container's whole life; does not return."""
    status = 1
    try:
        processes.write_text("0")
        enter_namespace()
        with socket.create_server(("127.0.0.1", 8080), backlog=1), ExitStack() as clients:
            for _ in range(2 + REFUSED):
                clients.enter_context(connecting(8080))
            refused = netstat.parse(netstat.read())["ListenOverflows"]
        status = int(refused != REFUSED)
    finally:
        os._exit(status)


KINDS: dict[str, Callable[[int], Done]] = {"day": day, "containers": containers}


def main(kind: str, size: str) -> None:
    """A round for each line."""
    print(enter_namespace(), flush=True)
    for _ in sys.stdin:
        print(json.dumps(KINDS[kind](int(size))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
