"""net/vmw_vsock/af_vsock.c: AF_VSOCK listens, or has no address."""

from __future__ import annotations

from errno import EINVAL, EOPNOTSUPP

import pytest

from listenwatch.model.inputs import (
    Bound,
    SocketState,
    SocketType,
    TcpState,
)
from listenwatch.model.rules import Rule
from listenwatch.model.socket_h import VSOCK
from tests.helpers.make import (
    TCP,
    VSOCK_STREAM,
    outcome,
    outcomes,
)

NOT_KNOWN = VSOCK_STREAM._replace(bound=Bound.UNKNOWN)
LISTENING = {"state": TcpState.LISTEN, "max_ack_backlog": 9}


@pytest.mark.parametrize("kind", [SocketType.STREAM, SocketType.SEQPACKET])
def test_vsock_listens_with_an_address_and_not_without(kind: SocketType) -> None:
    pre = VSOCK_STREAM._replace(type=kind)
    listens = outcome(pre, 511)
    assert (listens.result, listens.rule) == (0, Rule.VSOCK_LISTENS)
    assert listens.socket and (listens.socket.bound, listens.socket.max_ack_backlog) == (True, 511)
    unbound = outcome(pre._replace(bound=Bound.NO), 511)
    assert (unbound.result, unbound.rule) == (-EINVAL, Rule.VSOCK_UNBOUND)
    assert unbound.socket and not unbound.socket.bound


@pytest.mark.parametrize("kind", [SocketType.STREAM, SocketType.SEQPACKET])
def test_vsock_whose_address_was_not_read_listens_or_has_none(kind: SocketType) -> None:
    found = outcomes(NOT_KNOWN._replace(type=kind), 511)
    assert [(o.result, o.rule) for o in found] == [
        (0, Rule.VSOCK_LISTENS),
        (-EINVAL, Rule.VSOCK_UNBOUND),
    ]
    assert found[0].socket and found[0].socket.max_ack_backlog == 511
    assert found[1].socket and found[1].socket.state == TcpState.CLOSE


def test_vsock_that_listens_has_an_address() -> None:
    found = outcome(NOT_KNOWN._replace(**LISTENING), 3)
    assert (found.result, found.rule) == (0, Rule.VSOCK_RELISTENS)
    assert found.socket and found.socket.max_ack_backlog == 3


def test_vsock_connected_and_datagrams_are_refused() -> None:
    connected = VSOCK_STREAM._replace(socket_state=SocketState.CONNECTED)
    assert outcome(connected).rule is Rule.WRONG_SOCKET_STATE
    datagrams = outcome(VSOCK_STREAM._replace(type=SocketType.DGRAM))
    assert (datagrams.result, datagrams.rule) == (-EOPNOTSUPP, Rule.NOT_SUPPORTED)


CLOSE, LISTEN = TcpState.CLOSE, TcpState.LISTEN
CLOSED_VSOCK = TCP._replace(family=VSOCK, protocol=0, max_ack_backlog=7)


def test_vsock_results_and_states() -> None:
    connected = outcome(CLOSED_VSOCK._replace(socket_state=SocketState.CONNECTED))
    assert (connected.result, connected.rule) == (-EINVAL, Rule.WRONG_SOCKET_STATE)
    listens, unbound = outcomes(CLOSED_VSOCK._replace(bound=Bound.UNKNOWN))
    assert listens.socket and (listens.socket.state, listens.socket.max_ack_backlog) == (LISTEN, 511)
    assert unbound.socket and (unbound.socket.state, unbound.socket.max_ack_backlog) == (CLOSE, 7)
