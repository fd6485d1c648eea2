"""AF_UNIX: needs an address, no stages of TCP, the slip of v6.16, and connect(): net/unix/af_unix.c."""

from __future__ import annotations

from collections.abc import Callable
from errno import EINVAL, EOPNOTSUPP

import pytest

from listenwatch.model.af_unix import unix_stream_connect
from listenwatch.model.inputs import (
    Socket,
    SocketState,
    SocketType,
    TcpState,
)
from listenwatch.model.queue_rules import QueueRule, Response
from listenwatch.model.rules import Rule
from listenwatch.model.stages import StageIndex
from listenwatch.model.tcp_input import (
    QueueResponse,
)
from tests.helpers.eras import (
    LINUX_7_3,
)
from tests.helpers.make import (
    TAKEN,
    UNIX,
    outcome,
    outcomes,
    path,
)

SLIP = LINUX_7_3.replace(unix_wrong_state_listens=True)
CONNECTED = UNIX._replace(state=TcpState.ESTABLISHED, socket_state=SocketState.CONNECTED)
SECURITY_ONLY = [StageIndex.SECURITY, StageIndex.SECURITY_RETURN]


@pytest.mark.parametrize("kind", [SocketType.STREAM, SocketType.SEQPACKET])
def test_a_bound_socket_listens(kind: SocketType) -> None:
    found = outcome(UNIX._replace(type=kind), 511)
    assert (found.result, found.rule) == (0, Rule.UNIX_LISTENS)
    assert found.socket
    assert (found.socket.state, found.socket.max_ack_backlog) == (TcpState.LISTEN, 511)
    assert list(found.stages) == SECURITY_ONLY


def test_a_taken_port_means_nothing_here() -> None:
    assert outcome(UNIX, knowledge=TAKEN).result == 0


def test_a_second_listen_stores_the_backlog() -> None:
    found = outcome(UNIX._replace(state=TcpState.LISTEN, max_ack_backlog=7), 511)
    assert found.rule is Rule.UNIX_RELISTENS
    assert found.socket and found.socket.max_ack_backlog == 511


@pytest.mark.parametrize("pre", [UNIX, CONNECTED], ids=["closed", "connected"])
def test_without_an_address_there_is_no_listen_and_no_autobind(pre: Socket) -> None:
    found = outcome(pre._replace(bound=0))
    assert (found.result, found.rule) == (-EINVAL, Rule.UNIX_UNBOUND)
    assert found.socket and not found.socket.bound


def test_a_connected_socket_is_refused() -> None:
    found = outcome(CONNECTED, 511)
    assert (found.result, found.rule) == (-EINVAL, Rule.UNIX_WRONG_STATE)
    assert found.socket and found.socket.max_ack_backlog == 0


def test_the_slip_returns_0_and_does_nothing() -> None:
    found = outcome(CONNECTED, 511, behaviour=SLIP)
    assert (found.result, found.rule) == (0, Rule.UNIX_WRONG_STATE_IGNORED)
    assert found.socket
    assert (found.socket.state, found.socket.max_ack_backlog) == (TcpState.ESTABLISHED, 0)


def test_the_slip_does_not_touch_the_rest() -> None:
    for pre in (UNIX, UNIX._replace(bound=0), UNIX._replace(state=TcpState.LISTEN)):
        assert outcome(pre, behaviour=SLIP).rule is outcome(pre, behaviour=LINUX_7_3).rule


def test_where_the_slip_is_not_known_both_are_outcomes() -> None:
    unsure = LINUX_7_3.replace(unix_wrong_state_listens=None)
    assert [o.result for o in outcomes(CONNECTED, behaviour=unsure)] == [-EINVAL, 0]


def test_datagram_sockets_cannot_listen() -> None:
    found = outcome(UNIX._replace(type=SocketType.DGRAM, bound=0))
    assert (found.result, found.rule) == (-EOPNOTSUPP, Rule.NOT_SUPPORTED)


CLOSE, LISTEN = TcpState.CLOSE, TcpState.LISTEN


def test_unix() -> None:
    found = outcome(UNIX._replace(max_ack_backlog=7))
    assert path(found)[2:] == ["unix_listen LISTEN 511 0"]
    assert found.socket and found.socket.state == LISTEN


def admitted(accepts: Callable[[int], bool]) -> int:
    """How many are let in one after another, none leaving."""
    count = 0
    while accepts(count):
        count += 1
    return count


@pytest.mark.parametrize(("limit", "held"), [(0, 1), (1, 2), (3, 4)])
def test_unix_holds_one_more_as_measured(limit: int, held: int) -> None:
    def accepts(waiting: int) -> bool:
        fate = unix_stream_connect(waiting, limit, nonblocking=True)
        return fate.response is Response.QUEUED

    assert admitted(accepts) == held
    assert unix_stream_connect(held, limit, nonblocking=True).response is Response.EAGAIN
    assert unix_stream_connect(held, limit, nonblocking=False).response is Response.BLOCKS
    assert not unix_stream_connect(held, limit, nonblocking=True).counters


def test_a_unix_connect() -> None:
    def fate(waiting: int, nonblocking: bool) -> QueueResponse:
        return unix_stream_connect(waiting, 5, nonblocking=nonblocking)

    assert fate(5, False) == fate(5, True) == QueueResponse(Response.QUEUED, QueueRule.UNIX_QUEUED)
    assert fate(6, True) == QueueResponse(Response.EAGAIN, QueueRule.UNIX_EAGAIN)
    assert fate(6, False) == QueueResponse(Response.BLOCKS, QueueRule.UNIX_BLOCKS)
