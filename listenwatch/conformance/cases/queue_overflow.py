"""The accept queue is full: what the next SYN meets, and the final ACK of a SYN that came in time."""

from listenwatch.conformance.harness.registry import scenario
from listenwatch.conformance.harness.socket_kinds import IPV4, TCP, SocketKind
from listenwatch.conformance.harness.testbed import Testbed
from listenwatch.conformance.traffic.handshakes import DeferringQueue, OutsideQueue


def _loaded(testbed: Testbed, kind: SocketKind, connections: int) -> OutsideQueue:
    """A listener with backlog 5 and so many real connections in its accept queue."""
    return OutsideQueue(testbed, kind).listen(5, connections)


@scenario(*TCP)
def syn_when_full(testbed: Testbed, kind: SocketKind) -> None:
    """A SYN is dropped once the accept queue is full (since 4.10), and ListenOverflows counts it."""
    _loaded(testbed, kind, 6).syns(3)


@scenario(*TCP)
def cookie_when_full(testbed: Testbed, kind: SocketKind) -> None:
    """The cookie is decided on first, so one SYN counts TCPReqQFullDoCookies and ListenOverflows."""
    testbed.sysctl("net.ipv4.tcp_syncookies", 2)
    _loaded(testbed, kind, 6).syns(3)


@scenario(*TCP)
def syn_when_both_full(testbed: Testbed, kind: SocketKind) -> None:
    """Both queues full: the same two counters with syncookies 1, and TCPReqQFullDrop alone with 0."""
    queue = _loaded(testbed, kind, 2)
    queue.syns(6)
    queue.final_acks(queue.syns(4), cookie=True)
    queue.syns(2)
    testbed.sysctl("net.ipv4.tcp_syncookies", 0)
    queue.syns(2)


@scenario(*TCP)
def final_ack_ignored(testbed: Testbed, kind: SocketKind) -> None:
    """The final ACK that finds the accept queue full changes nothing: the request waits on."""
    queue = _loaded(testbed, kind, 4)
    queue.final_acks(queue.syns(4))
    queue.syns(1)


@scenario(*TCP)
def final_ack_reset(testbed: Testbed, kind: SocketKind) -> None:
    """With tcp_abort_on_overflow it is answered with a reset, and EmbryonicRsts counts that."""
    testbed.sysctl("net.ipv4.tcp_abort_on_overflow", 1)
    final_ack_ignored(testbed, kind)


@scenario(0, 1)
def final_ack_of_cookie(testbed: Testbed, abort_on_overflow: int) -> None:
    """A cookie's ACK has no request to keep or to reset: it is dropped, whatever the sysctl says."""
    testbed.sysctl("net.ipv4.tcp_syncookies", 2)
    testbed.sysctl("net.ipv4.tcp_abort_on_overflow", abort_on_overflow)
    queue = _loaded(testbed, IPV4, 4)
    queue.final_acks(queue.syns(4), cookie=True)


@scenario(*TCP)
def client_ignored(testbed: Testbed, kind: SocketKind) -> None:
    """A real client whose final ACK is ignored stays ESTABLISHED and learns nothing of it."""
    # TCP_DEFER_ACCEPT keeps the clients' requests half-open, so that the queue fills meanwhile.
    queue = DeferringQueue(testbed, kind).listen(5, connections=4)
    queue.defer()
    queue.connect_deferred(4)
    queue.send_deferred(4)


@scenario(*TCP)
def client_reset(testbed: Testbed, kind: SocketKind) -> None:
    """With tcp_abort_on_overflow it gets ECONNRESET."""
    testbed.sysctl("net.ipv4.tcp_abort_on_overflow", 1)
    client_ignored(testbed, kind)
