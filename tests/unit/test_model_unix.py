"""AF_UNIX: needs an address, no stages of TCP, and the slip of v6.16: net/unix/af_unix.c."""

from __future__ import annotations

from errno import EINVAL, EOPNOTSUPP

import pytest

from listenwatch.model.behaviour import LINUX_7_3
from listenwatch.model.inputs import Socket, SocketState, SocketType, TcpState
from listenwatch.model.rules import Rule
from listenwatch.model.stages import StageIndex
from tests.unit.make import TAKEN, UNIX, outcome, outcomes

SLIP = LINUX_7_3._replace(unix_wrong_state_listens=True)
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
    unsure = LINUX_7_3._replace(unix_wrong_state_listens=None)
    assert [o.result for o in outcomes(CONNECTED, behaviour=unsure)] == [0, -EINVAL]


def test_datagram_sockets_cannot_listen() -> None:
    found = outcome(UNIX._replace(type=SocketType.DGRAM, bound=0))
    assert (found.result, found.rule) == (-EOPNOTSUPP, Rule.NOT_SUPPORTED)
