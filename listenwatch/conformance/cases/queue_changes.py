"""Queues in use when their limit changes, or when the listener ends."""

from listenwatch.conformance.harness.registry import scenario
from listenwatch.conformance.harness.socket_kinds import IPV4, IPV6, MPTCP, SocketKind
from listenwatch.conformance.harness.testbed import Testbed
from listenwatch.conformance.traffic.handshakes import OutsideQueue
from listenwatch.conformance.traffic.measure import Queue


@scenario(IPV4, IPV6)
def shrink_full(testbed: Testbed, kind: SocketKind) -> None:
    """A smaller limit sends nobody away; new SYNs are dropped until the queue has drained."""
    queue = OutsideQueue(testbed, kind).listen(5, connections=4)
    queue.listen(1)
    queue.syns(1)
    queue.accept_all()
    queue.final_acks(queue.syns(2))


@scenario(IPV4, MPTCP)
def grow_full(testbed: Testbed, kind: SocketKind) -> None:
    """A larger limit lets in the client that was turned away, when it sends its SYN again."""
    queue = Queue(testbed, kind).listen(1)
    queue.fill()
    queue.listen(5)
    queue.connect_again()
    queue.fill()


@scenario()
def syn_queue_follows(testbed: Testbed) -> None:
    """The limit of the SYN queue changes with the backlog at once, with requests waiting in it."""
    queue = OutsideQueue(testbed, IPV4)
    for backlog in (4, 1, 9):
        queue.listen(backlog)
        queue.syns(6)


@scenario(IPV4, IPV6)
def somaxconn_lowered(testbed: Testbed, kind: SocketKind) -> None:
    """A lower somaxconn is nothing to a listener until it listens again."""
    queue = Queue(testbed, kind).listen(20)
    testbed.somaxconn(3)
    queue.fill()
    queue.listen(20)
    queue.fill()


@scenario(IPV4, IPV6)
def shutdown_pending(testbed: Testbed, kind: SocketKind) -> None:
    """shutdown() resets every connection that nobody has accepted, and the queue can fill anew."""
    queue = Queue(testbed, kind).listen(5, connections=4)
    queue.shut_down()
    queue.listen(2)
    queue.fill()
