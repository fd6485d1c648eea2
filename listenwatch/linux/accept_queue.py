"""The connections of a listener in the network namespace this thread is in: which wait, and which are accepted.

A connection that no process has accepted has no file, so that sock_diag(7) shows inode 0 for it
(``sock_i_ino()``). The accept queue is first in, first out.
"""

from collections.abc import Iterable
from typing import NamedTuple

from listenwatch.linux.names import address_name
from listenwatch.linux.sock_diag import (
    INET_MESSAGE,
    UDIAG_SHOW_ICONS,
    UNIX_MESSAGE,
    Listener,
    attributes,
    dump,
    inet_request,
    unix_request,
)
from listenwatch.model.inputs import Family, Protocol, TcpState

_OPEN = 1 << TcpState.ESTABLISHED | 1 << TcpState.CLOSE_WAIT
"""States in which a socket without a file waits in an accept queue: close() leaves both."""
_UNIX_ICONS = 3  # UNIX_DIAG_ICONS
_WILDCARDS = ("0.0.0.0", "[::]")


class Connections(NamedTuple):
    """What identifies each connection that waits, and each that a process has; of AF_UNIX only what waits is known."""

    waiting: frozenset[int]
    accepted: frozenset[int]


def connections(listeners: Iterable[Listener]) -> dict[int, Connections | None]:
    """Those of each listener, by its cookie; of all that share its address where several do. None where it cannot be told."""
    every = list(listeners)
    unix = [listener for listener in every if listener.family == Family.UNIX]
    seen = {listener.cookie: _of_inet(listener) for listener in every if listener.family != Family.UNIX}
    return seen | (_of_unix(unix) if unix else {})


def _of_inet(listener: Listener) -> Connections | None:
    if not listener.protocol.startswith(("tcp", "mptcp")):
        return None
    waiting, accepted = set[int](), set[int]()
    for row in dump(inet_request(listener.family, Protocol.TCP, _OPEN, port=listener.port)):
        family, _, address, _, cookie, _, _, _, inode = INET_MESSAGE.unpack_from(row)
        if listener.address in _WILDCARDS or listener.address == address_name(family, address):
            (accepted if inode else waiting).add(cookie)
    return Connections(frozenset(waiting), frozenset(accepted))


def _of_unix(listeners: Iterable[Listener]) -> dict[int, Connections | None]:
    """A connection is known by its client's socket, as long as the client keeps that open. One dump has all of them."""
    seen: dict[int, Connections | None] = dict.fromkeys(listener.cookie for listener in listeners)
    for row in dump(unix_request(UDIAG_SHOW_ICONS)):
        _, _, cookie = UNIX_MESSAGE.unpack_from(row)
        if cookie in seen:
            icons = attributes(row, UNIX_MESSAGE.size).get(_UNIX_ICONS, b"")
            seen[cookie] = Connections(frozenset(memoryview(icons).cast("I")) - {0}, frozenset())
    return seen
