"""AF_VSOCK, SCTP, and the families without a listen or without a model."""

from __future__ import annotations

from errno import EADDRINUSE, EAGAIN, EINVAL, EOPNOTSUPP

import pytest

from listenwatch.model.families import NO_LISTEN, UNMODELLED, VSOCK
from listenwatch.model.inputs import Protocol, Socket, SocketState, SocketType, TcpState
from listenwatch.model.rules import Rule
from listenwatch.model.socket_c import Unmodelled
from listenwatch.model.stages import StageIndex
from tests.unit.make import FREE, NOTHING, TAKEN, TCP, UNBOUND, outcome, outcomes

VSOCK_STREAM = TCP._replace(family=VSOCK, protocol=0, local_port=0, bound=0)
SCTP = TCP._replace(protocol=Protocol.SCTP)
LISTENING = {"state": TcpState.LISTEN, "max_ack_backlog": 9}


@pytest.mark.parametrize("kind", [SocketType.STREAM, SocketType.SEQPACKET])
def test_vsock_listens_or_has_no_address(kind: SocketType) -> None:
    found = outcomes(VSOCK_STREAM._replace(type=kind), 511)
    assert [(o.result, o.rule) for o in found] == [
        (0, Rule.VSOCK_LISTENS),
        (-EINVAL, Rule.VSOCK_UNBOUND),
    ]
    assert found[0].socket and found[0].socket.max_ack_backlog == 511
    assert found[1].socket and found[1].socket.state == TcpState.CLOSE


def test_vsock_that_listens_has_an_address() -> None:
    found = outcome(VSOCK_STREAM._replace(**LISTENING), 3)
    assert (found.result, found.rule) == (0, Rule.VSOCK_RELISTENS)
    assert found.socket and found.socket.max_ack_backlog == 3


def test_vsock_connected_and_datagrams_are_refused() -> None:
    connected = VSOCK_STREAM._replace(socket_state=SocketState.CONNECTED)
    assert outcome(connected).rule is Rule.WRONG_SOCKET_STATE
    datagrams = outcome(VSOCK_STREAM._replace(type=SocketType.DGRAM))
    assert (datagrams.result, datagrams.rule) == (-EOPNOTSUPP, Rule.NOT_SUPPORTED)


@pytest.mark.parametrize("kind", [SocketType.STREAM, SocketType.SEQPACKET])
def test_sctp_listens(kind: SocketType) -> None:
    found = outcome(SCTP._replace(type=kind), 511, knowledge=FREE)
    assert (found.result, found.rule) == (0, Rule.SCTP_LISTENS)
    assert found.socket and found.socket.max_ack_backlog == 511
    assert found.stages[StageIndex.STATE_LISTEN].max_ack_backlog == SCTP.max_ack_backlog
    autobinds = outcome(UNBOUND._replace(protocol=Protocol.SCTP, type=kind), knowledge=FREE)
    assert autobinds.rule is Rule.SCTP_AUTOBINDS
    assert autobinds.socket and autobinds.socket.bound


def test_sctp_backlog_0_stops_or_is_refused() -> None:
    stops = outcome(SCTP._replace(**LISTENING), 0)
    assert (stops.result, stops.rule) == (0, Rule.SCTP_STOPS)
    assert stops.socket and (stops.socket.state, stops.socket.max_ack_backlog) == (
        TcpState.CLOSE,
        9,
    )
    refused = outcome(SCTP, 0)
    assert (refused.result, refused.rule) == (-EINVAL, Rule.SCTP_NOT_LISTENING)


@pytest.mark.parametrize(
    ("pre", "errno", "rule"),
    [
        (SCTP, EADDRINUSE, Rule.SCTP_PORT_TAKEN),
        (UNBOUND._replace(protocol=Protocol.SCTP), EAGAIN, Rule.SCTP_NO_FREE_PORT),
    ],
)
def test_sctp_without_a_port_closes_again_or_by_a_slip_does_not(
    pre: Socket, errno: int, rule: Rule
) -> None:
    found = outcomes(pre, 5, knowledge=TAKEN)
    assert {(o.result, o.rule) for o in found} == {(-errno, rule)}
    assert [o.socket and o.socket.state for o in found] == [TcpState.CLOSE, TcpState.LISTEN]


def test_sctp_states() -> None:
    assert outcome(SCTP._replace(**LISTENING), 4).rule is Rule.SCTP_RELISTENS
    assert outcome(SCTP._replace(state=TcpState.ESTABLISHED)).rule is Rule.WRONG_STATE
    connected = SCTP._replace(socket_state=SocketState.CONNECTED)
    assert outcome(connected).rule is Rule.WRONG_SOCKET_STATE


def test_sctp_joining_a_group_may_fail() -> None:
    found = outcomes(SCTP._replace(reuseport=1), 5, knowledge=FREE)
    assert [o.rule for o in found][:2] == [Rule.SCTP_LISTENS, Rule.SCTP_HASH_FAILED]


@pytest.mark.parametrize("family", NO_LISTEN)
def test_families_without_a_listen(family: int) -> None:
    pre = NOTHING._replace(family=family, type=SocketType.RAW, seen=1)
    assert outcome(pre).result == -EOPNOTSUPP


@pytest.mark.parametrize(("family", "name"), [(f, name) for f, (name, _) in UNMODELLED.items()])
def test_families_without_a_model_say_which_and_why(family: int, name: str) -> None:
    with pytest.raises(Unmodelled, match=f"no model of {name} .*: ."):
        outcomes(NOTHING._replace(family=family, type=SocketType.STREAM, seen=1))


def test_what_nobody_knows_is_unmodelled() -> None:
    with pytest.raises(Unmodelled, match=r"family 99,.*not known"):
        outcomes(NOTHING._replace(family=99, type=SocketType.STREAM, seen=1))
    with pytest.raises(Unmodelled, match="SMC"):
        outcomes(TCP._replace(protocol=256))
