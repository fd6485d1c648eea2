"""AF_UNIX: an address is needed, there is no autobind, and a connected socket cannot listen."""

import socket

from listenwatch.conformance.harness.registry import listens, scenario
from listenwatch.conformance.harness.socket_kinds import SEQPACKET, UNIX, SocketKind
from listenwatch.conformance.harness.testbed import Testbed

BOTH = (UNIX, SEQPACKET)


listens("bound-to-path", "Bound to a path", lambda t, kind: t.bound_to_path(kind), *BOTH)
listens("bound-to-name", "Bound to an abstract name", lambda t, kind: t.bound(kind), SEQPACKET)


@scenario(*BOTH)
def not_bound(testbed: Testbed, kind: SocketKind) -> None:
    """Without an address listen() is refused, and after bind() it is not."""
    sock = testbed.unbound(kind)
    testbed.listen(sock, 5)
    sock.bind(kind.address())
    testbed.listen(sock, 6)


listens("bound-to-chosen-name", "bind() without a name chooses an abstract one, which is an address like any other",
             lambda t, kind: t.bound(kind, ""), UNIX)  # fmt: skip
listens("client-nameless", "A connected socket without an address of its own cannot listen",
             lambda t, kind: t.connection(kind)[0], *BOTH)  # fmt: skip
listens("accepted-by", "An accepted socket has its listener's address, and is connected (6.16 to 7.1.7 returned 0)",
             lambda t, kind: t.connection(kind)[1], *BOTH)  # fmt: skip


@scenario(*BOTH)
def client_bound(testbed: Testbed, kind: SocketKind) -> None:
    """Bound and connected: refused, except by a defect of 6.16 to 7.1.7 that returned 0."""
    server = testbed.listener(kind)
    client = testbed.bound(kind)
    client.connect(server.getsockname())
    testbed.listen(client, 5)


@scenario(*BOTH)
def socketpair(testbed: Testbed, kind: SocketKind) -> None:
    """One end of a socketpair, without and with an address."""
    a, b = map(testbed.keep, socket.socketpair(kind.family, kind.type))
    testbed.listen(a, 5)
    b.bind(kind.address())
    testbed.listen(b, 6)


@scenario(UNIX)
def peer_gone(testbed: Testbed, kind: SocketKind) -> None:
    """A connected socket stays connected when its peer has closed."""
    server = testbed.listener(kind)
    client = testbed.bound(kind)
    client.connect(server.getsockname())
    server.accept()[0].close()
    testbed.listen(client, 5)


@scenario(*BOTH)
def relisten_ended(testbed: Testbed, kind: SocketKind) -> None:
    """shutdown() does not end an AF_UNIX listener; listen() returns 0 and does not revive it."""
    sock = testbed.listener(kind, 5)
    sock.shutdown(socket.SHUT_RD)
    testbed.listen(sock, 6)
