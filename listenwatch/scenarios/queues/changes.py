"""Queues in use when their limit changes, or when the listener ends."""

from __future__ import annotations

from listenwatch.scenarios.kinds import IPV4, IPV6, MPTCP, Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.queues.handshakes import OutsideQueue
from listenwatch.scenarios.queues.measure import Queue
from listenwatch.scenarios.registry import scenario


@scenario(IPV4, IPV6)
def shrink_full(lab: Lab, kind: Kind) -> None:
    """A smaller limit sends nobody away; new SYNs are dropped until the queue has drained."""
    queue = OutsideQueue(lab, kind)
    queue.listen(5)
    for _ in range(4):
        queue.connect()
    queue.listen(1)
    queue.syns(1)
    queue.accept_all()
    queue.final_acks(queue.syns(2))


@scenario(IPV4, MPTCP)
def grow_full(lab: Lab, kind: Kind) -> None:
    """A larger limit lets in the client that was turned away, when it sends its SYN again."""
    queue = Queue(lab, kind)
    queue.listen(1)
    queue.fill()
    queue.listen(5)
    queue.connect_again()
    queue.fill()


@scenario()
def syn_queue_follows(lab: Lab) -> None:
    """The limit of the SYN queue changes with the backlog at once, with requests waiting in it."""
    queue = OutsideQueue(lab, IPV4)
    for backlog in (4, 1, 9):
        queue.listen(backlog)
        queue.syns(6)


@scenario(IPV4, IPV6)
def somaxconn_lowered(lab: Lab, kind: Kind) -> None:
    """A lower somaxconn is nothing to a listener until it listens again."""
    queue = Queue(lab, kind)
    queue.listen(20)
    lab.somaxconn(3)
    queue.fill()
    queue.listen(20)
    queue.fill()


@scenario(IPV4, IPV6)
def shutdown_pending(lab: Lab, kind: Kind) -> None:
    """shutdown() resets every connection that nobody has accepted, and the queue can fill anew."""
    queue = Queue(lab, kind)
    queue.listen(5)
    for _ in range(4):
        queue.connect()
    queue.shut_down()
    queue.listen(2)
    queue.fill()
