"""listen() on a listener: only the backlog changes."""

from __future__ import annotations

import os
import socket

from listenwatch.scenarios.kinds import ALL, IPV4, TCP, Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.registry import scenario


@scenario(*ALL)
def relisten(lab: Lab, kind: Kind) -> None:
    """A second listen() raises and lowers the limit; 0 and -1 mean what they always do."""
    lab.somaxconn(1000)
    sock = lab.bound(kind)
    for backlog in (10, 20, 5, 0, -1, 2000):
        lab.listen(sock, backlog)


@scenario(*TCP)
def relisten_somaxconn(lab: Lab, kind: Kind) -> None:
    """A new somaxconn does not touch a listener until it listens again."""
    sock = lab.bound(kind)
    for limit in (4096, 128, 8192):
        lab.somaxconn(limit)
        lab.listen(sock, 5000)


@scenario()
def relisten_through_dup(lab: Lab) -> None:
    """Through a duplicate of the descriptor it is the same socket."""
    sock = lab.listener(IPV4, 10)
    duplicate = os.dup(sock.fileno())
    lab.listen(duplicate, 30)
    os.close(duplicate)


@scenario()
def relisten_in_forked_child(lab: Lab) -> None:
    """A forked child shares the listener."""
    sock = lab.listener(IPV4, 10)
    lab.in_child(lambda: lab.listen(sock, 40))


@scenario()
def relisten_in_other_thread(lab: Lab) -> None:
    """So does another thread."""
    sock = lab.listener(IPV4, 10)
    lab.listen_in_threads([(sock, [50])])


@scenario(*ALL)
def relisten_with_queue(lab: Lab, kind: Kind) -> None:
    """Connections already in the accept queue stay, even above the new limit."""
    sock = lab.listener(kind, 10)
    for _ in range(3):
        lab.connected_to(sock, kind)
    lab.listen(sock, 1)
    lab.listen(sock, 20)


@scenario()
def relisten_with_fastopen(lab: Lab) -> None:
    """TCP_FASTOPEN set by the program keeps its own queue length."""
    sock = lab.bound(IPV4)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)
    lab.listen(sock, 100)
    lab.listen(sock, 50)
