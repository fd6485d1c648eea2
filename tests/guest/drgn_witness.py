"""In the guest: what the probe recorded of some listeners, and what drgn reads of them in /proc/kcore.

drgn finds the type of struct sock in the debug information of a kernel module (6.1 has only BTF,
which drgn does not read), and /proc/net/tcp says where each sock lies: to root, and only with
kernel.kptr_restrict at 1, the true address. Neither is what the probe goes by.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import drgn

from listenwatch.call.record import ListenCall, decode
from listenwatch.features.attach import open_engine
from listenwatch.linux import libc
from listenwatch.model.inputs import TcpState

LISTENERS = (
    (socket.AF_INET, [5], 0),
    (socket.AF_INET, [1_000_000], 0),
    (socket.AF_INET6, [-1], 0),
    (socket.AF_INET, [8, 3], 2),
    (socket.AF_INET6, [7, 0], 1),
)
"""Family, the backlogs of one listen() after another, and the connections that wait from the first on."""


class Seen(NamedTuple):
    """What both look at."""

    state: int
    max_ack_backlog: int
    ack_backlog: int


def main(types: str) -> None:
    """One line of JSON a listener; ``types`` is a module that looks into struct sock."""
    sockets: list[socket.socket] = []
    with open_engine(attach="kprobe") as engine:
        engine.sync()
        ports = [make(sockets, *listener) for listener in LISTENERS]
        calls = [call for call in map(decode, engine.sync()) if call.pid == os.getpid()]
    recorded = {call.post.local_port: by_probe(call) for call in calls}  # the last one counts
    read = dict(by_drgn(types))
    for port in ports:
        print(json.dumps({"probe": recorded[port], "drgn": read[port]}))


def make(sockets: list[socket.socket], family: int, backlogs: list[int], waiting: int) -> int:
    """Such a listener, kept open in ``sockets``; returns its port."""
    server = socket.socket(family)
    server.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
    libc.listen(server.fileno(), backlogs[0])
    sockets += [
        server,
        *(socket.create_connection(server.getsockname()[:2]) for _ in range(waiting)),
    ]
    for backlog in backlogs[1:]:
        libc.listen(server.fileno(), backlog)
    port: int = server.getsockname()[1]
    return port


def by_probe(call: ListenCall) -> Seen:
    """As the probe saw the socket when listen() returned."""
    return Seen(call.post.state, call.post.max_ack_backlog, call.post.ack_backlog)


def by_drgn(types: str) -> Iterator[tuple[int, Seen]]:
    """Every TCP listener of this namespace by its port, as it is in memory."""
    program = drgn.Program()
    program.set_kernel()
    program.extra_module("types", create=True).try_file(types, force=True)
    Path("/proc/sys/kernel/kptr_restrict").write_text("1")
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, _, _, state, *_, address = line.split()[:12]
            if int(state, 16) == TcpState.LISTEN:
                sk = drgn.Object(program, "struct sock *", value=int(address, 16))
                common = getattr(sk, "__sk_common")
                numbers = (common.skc_state, sk.sk_max_ack_backlog, sk.sk_ack_backlog)
                yield common.skc_num.value_(), Seen(*(number.value_() for number in numbers))


if __name__ == "__main__":
    main(sys.argv[1])
