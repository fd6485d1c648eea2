"""listen() on a listener: only the backlog changes."""

import os
import socket

from listenwatch.conformance.harness.registry import listens, scenario
from listenwatch.conformance.harness.socket_kinds import ALL, IPV4, TCP, SocketKind
from listenwatch.conformance.harness.testbed import Option, Testbed

_FASTOPEN: Option = (socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)


@scenario(*ALL)
def relisten(testbed: Testbed, kind: SocketKind) -> None:
    """A second listen() raises and lowers the limit; 0 and -1 mean what they always do."""
    testbed.somaxconn(1000)
    testbed.listen(testbed.bound(kind), 10, 20, 5, 0, -1, 2000)


@scenario(*TCP)
def relisten_somaxconn(testbed: Testbed, kind: SocketKind) -> None:
    """A new somaxconn does not touch a listener until it listens again."""
    sock = testbed.bound(kind)
    for limit in (4096, 128, 8192):
        testbed.somaxconn(limit)
        testbed.listen(sock, 5000)


@scenario()
def relisten_through_dup(testbed: Testbed) -> None:
    """Through a duplicate of the descriptor it is the same socket."""
    sock = testbed.listener(IPV4, 10)
    duplicate = os.dup(sock.fileno())
    testbed.listen(duplicate, 30)
    os.close(duplicate)


@scenario()
def relisten_in_forked_child(testbed: Testbed) -> None:
    """A forked child shares the listener."""
    sock = testbed.listener(IPV4, 10)
    testbed.in_child(lambda: testbed.listen(sock, 40))


@scenario()
def relisten_in_other_thread(testbed: Testbed) -> None:
    """So does another thread."""
    sock = testbed.listener(IPV4, 10)
    testbed.listen_in_threads([(sock, [50])])


@scenario(*ALL)
def relisten_with_queue(testbed: Testbed, kind: SocketKind) -> None:
    """Connections already in the accept queue stay, even above the new limit."""
    sock = testbed.listener(kind, 10)
    for _ in range(3):
        testbed.connected_to(sock, kind)
    testbed.listen(sock, 1, 20)


listens("relisten-with-fastopen", "TCP_FASTOPEN set by the program keeps its own queue length",
        lambda t, kind: t.bound(kind, None, _FASTOPEN), backlogs=(100, 50))  # fmt: skip
