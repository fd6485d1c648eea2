"""How many connections wait at a local port, by sock_diag(7): quick enough to ask between two packets."""

from struct import Struct
from typing import NamedTuple

from listenwatch.linux import netlink_dump
from listenwatch.linux.sock_diag import inet_request
from listenwatch.model.inputs import Protocol, TcpState

_ROW = Struct("=BBBB48xII")  # struct inet_diag_msg, as far as idiag_rqueue


class Lengths(NamedTuple):
    """What the two queues of a listener hold: established connections, and requests half-open."""

    accept_queue: int
    syn_queue: int


def lengths(family: int, port: int) -> Lengths:
    """The length of both queues: idiag_rqueue of the listener, and the number of SYN_RECV sockets."""
    states = 1 << TcpState.LISTEN | 1 << TcpState.SYN_RECV
    request = inet_request(family, Protocol.TCP, states, port=port)
    rows = [_ROW.unpack_from(row) for row in netlink_dump.rows(request)]
    queued = [queue for _, state, *_, queue in rows if state == TcpState.LISTEN]
    return Lengths(queued[0] if queued else 0, len(rows) - len(queued))
