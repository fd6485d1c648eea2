"""AF_UNIX: an address is needed, there is no autobind, and a connected socket cannot listen."""

from __future__ import annotations

import socket

from listenwatch.scenarios.kinds import SEQPACKET, UNIX, Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.registry import scenario

BOTH = (UNIX, SEQPACKET)


@scenario(*BOTH)
def bound_to_path(lab: Lab, kind: Kind) -> None:
    """Bound to a path."""
    lab.listen(lab.bound_to_path(kind), 5)


@scenario(SEQPACKET)
def bound_to_name(lab: Lab, kind: Kind) -> None:
    """Bound to an abstract name."""
    lab.listen(lab.bound(kind), 5)


@scenario(*BOTH)
def not_bound(lab: Lab, kind: Kind) -> None:
    """Without an address listen() is refused, and after bind() it is not."""
    sock = lab.unbound(kind)
    lab.listen(sock, 5)
    sock.bind(kind.address())
    lab.listen(sock, 6)


@scenario(UNIX)
def bound_to_chosen_name(lab: Lab, kind: Kind) -> None:
    """bind() without a name chooses an abstract one, which is an address like any other."""
    lab.listen(lab.bound(kind, ""), 5)


@scenario(*BOTH)
def client_nameless(lab: Lab, kind: Kind) -> None:
    """A connected socket without an address of its own cannot listen."""
    lab.listen(lab.connection(kind)[0], 5)


@scenario(*BOTH)
def accepted_by(lab: Lab, kind: Kind) -> None:
    """An accepted socket has its listener's address, and is connected (6.16 to 6.19 returned 0)."""
    lab.listen(lab.connection(kind)[1], 5)


@scenario(*BOTH)
def client_bound(lab: Lab, kind: Kind) -> None:
    """Bound and connected: refused, except by a slip of 6.16 to 6.19 that returned 0."""
    server = lab.listener(kind)
    client = lab.bound(kind)
    client.connect(server.getsockname())
    lab.listen(client, 5)


@scenario(*BOTH)
def socketpair(lab: Lab, kind: Kind) -> None:
    """One end of a socketpair, without and with an address."""
    a, b = map(lab.keep, socket.socketpair(kind.family, kind.type))
    lab.listen(a, 5)
    b.bind(kind.address())
    lab.listen(b, 6)


@scenario(UNIX)
def peer_gone(lab: Lab, kind: Kind) -> None:
    """A connected socket stays connected when its peer has closed."""
    server = lab.listener(kind)
    client = lab.bound(kind)
    client.connect(server.getsockname())
    server.accept()[0].close()
    lab.listen(client, 5)


@scenario(*BOTH)
def relisten_ended(lab: Lab, kind: Kind) -> None:
    """shutdown() does not end an AF_UNIX listener; listen() returns 0 and does not revive it."""
    sock = lab.listener(kind, 5)
    sock.shutdown(socket.SHUT_RD)
    lab.listen(sock, 6)
