"""The accept queue is full: what the next SYN meets, and the final ACK of a SYN that came in time."""

from __future__ import annotations

from listenwatch.scenarios.kinds import IPV4, IPV6, Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.queues.handshakes import DeferringQueue, OutsideQueue
from listenwatch.scenarios.registry import scenario

TCP = (IPV4, IPV6)


def _loaded(lab: Lab, kind: Kind, connections: int, backlog: int = 5) -> OutsideQueue:
    """A listener with so many real connections in its accept queue."""
    queue = OutsideQueue(lab, kind)
    queue.listen(backlog)
    for _ in range(connections):
        queue.connect()
    return queue


@scenario(*TCP)
def syn_when_full(lab: Lab, kind: Kind) -> None:
    """A SYN is dropped once the accept queue is full (since 4.10), and ListenOverflows counts it."""
    queue = _loaded(lab, kind, 6)
    queue.syns(3)


@scenario(*TCP)
def cookie_when_full(lab: Lab, kind: Kind) -> None:
    """The cookie is decided on first, so one SYN counts TCPReqQFullDoCookies and ListenOverflows."""
    lab.sysctl("net.ipv4.tcp_syncookies", 2)
    queue = _loaded(lab, kind, 6)
    queue.syns(3)


@scenario(*TCP)
def syn_when_both_full(lab: Lab, kind: Kind) -> None:
    """Both queues full: the same two counters with syncookies 1, and TCPReqQFullDrop alone with 0."""
    queue = _loaded(lab, kind, 2)
    queue.syns(6)
    queue.final_acks(queue.syns(4), cookie=True)
    queue.syns(2)
    lab.sysctl("net.ipv4.tcp_syncookies", 0)
    queue.syns(2)


@scenario(*TCP)
def final_ack_ignored(lab: Lab, kind: Kind) -> None:
    """The final ACK that finds the accept queue full changes nothing: the request waits on."""
    queue = _loaded(lab, kind, 4)
    queue.final_acks(queue.syns(4))
    queue.syns(1)


@scenario(*TCP)
def final_ack_reset(lab: Lab, kind: Kind) -> None:
    """With tcp_abort_on_overflow it is answered with a reset, and EmbryonicRsts counts that."""
    lab.sysctl("net.ipv4.tcp_abort_on_overflow", 1)
    queue = _loaded(lab, kind, 4)
    queue.final_acks(queue.syns(4))
    queue.syns(1)


@scenario(0, 1)
def final_ack_of_cookie(lab: Lab, abort_on_overflow: int) -> None:
    """A cookie's ACK has no request to keep or to reset: it is dropped, whatever the sysctl says."""
    lab.sysctl("net.ipv4.tcp_syncookies", 2)
    lab.sysctl("net.ipv4.tcp_abort_on_overflow", abort_on_overflow)
    queue = _loaded(lab, IPV4, 4)
    queue.final_acks(queue.syns(4), cookie=True)


def _deferred(lab: Lab, kind: Kind) -> None:
    """Real clients: TCP_DEFER_ACCEPT keeps their requests half-open, so that the queue fills meanwhile."""
    queue = DeferringQueue(lab, kind)
    queue.listen(5)
    for _ in range(4):
        queue.connect()
    queue.defer()
    queue.connect_deferred(4)
    queue.send_deferred(4)


@scenario(*TCP)
def client_ignored(lab: Lab, kind: Kind) -> None:
    """A real client whose final ACK is ignored stays ESTABLISHED and is told nothing."""
    _deferred(lab, kind)


@scenario(*TCP)
def client_reset(lab: Lab, kind: Kind) -> None:
    """With tcp_abort_on_overflow it gets ECONNRESET."""
    lab.sysctl("net.ipv4.tcp_abort_on_overflow", 1)
    _deferred(lab, kind)
