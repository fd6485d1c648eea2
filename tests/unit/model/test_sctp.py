"""net/sctp/socket.c: backlog 0, no port, and errors that leave a listener behind."""

from __future__ import annotations

from errno import EADDRINUSE, EAGAIN, EBUSY, EINVAL, ENOMEM

import pytest

from listenwatch.model.inputs import (
    EntryPath,
    Knowledge,
    Protocol,
    Socket,
    SocketState,
    SocketType,
    TcpState,
)
from listenwatch.model.rules import Rule
from listenwatch.model.stages import StageIndex, StageValues
from tests.helpers.make import (
    FREE,
    TAKEN,
    TCP,
    UNBOUND,
    outcome,
    outcomes,
    path,
)

SCTP = TCP._replace(protocol=Protocol.SCTP)
LISTENING = {"state": TcpState.LISTEN, "max_ack_backlog": 9}


@pytest.mark.parametrize("kind", [SocketType.STREAM, SocketType.SEQPACKET])
def test_sctp_listens(kind: SocketType) -> None:
    found = outcome(SCTP._replace(type=kind), 511, knowledge=FREE)
    assert (found.result, found.rule) == (0, Rule.SCTP_LISTENS)
    assert found.socket and found.socket.max_ack_backlog == 511
    assert found.stages[StageIndex.STATE_LISTEN].max_ack_backlog == SCTP.max_ack_backlog
    autobinds = outcome(UNBOUND._replace(protocol=Protocol.SCTP, type=kind), knowledge=FREE)
    assert autobinds.rule is Rule.SCTP_AUTOBINDS
    assert autobinds.socket and autobinds.socket.bound


@pytest.mark.parametrize("pre", [SCTP, UNBOUND._replace(protocol=Protocol.SCTP), SCTP._replace(**LISTENING)])
@pytest.mark.parametrize("backlog", [0, 5])
@pytest.mark.parametrize("port_free", [True, False])
def test_each_step_below_net_socket_c_is_a_function_of_sctp(pre: Socket, backlog: int, port_free: bool) -> None:
    for way in outcomes(pre, backlog, knowledge=FREE._replace(port_free=port_free)):
        names = [step.function for step in way.steps]
        assert names[:2] == ["__sys_listen_socket", "security_socket_listen"]
        assert all(name.startswith("sctp_") for name in names[2:])
        last = way.steps[-1]
        assert way.socket and (last.state, last.max_ack_backlog) == (way.socket.state, way.socket.max_ack_backlog)


def test_the_steps_of_sctp() -> None:
    assert path(outcome(SCTP, 511, knowledge=FREE))[2:] == [
        "sctp_listen_start LISTEN 0 0", "sctp_get_port LISTEN 0 0", "sctp_listen_start LISTEN 511 0",
    ]  # fmt: skip
    assert path(outcome(SCTP._replace(**LISTENING), 0))[2:] == ["sctp_inet_listen CLOSE 9 0"]


def test_sctp_backlog_0_stops_or_is_refused() -> None:
    stops = outcome(SCTP._replace(**LISTENING), 0)
    assert (stops.result, stops.rule) == (0, Rule.SCTP_STOPS)
    assert stops.socket and (stops.socket.state, stops.socket.max_ack_backlog) == (
        TcpState.CLOSE,
        9,
    )
    refused = outcome(SCTP, 0)
    assert (refused.result, refused.rule) == (-EINVAL, Rule.SCTP_NOT_LISTENING)


CLOSE, LISTEN = TcpState.CLOSE, TcpState.LISTEN
CLOSED_SCTP = TCP._replace(protocol=Protocol.SCTP, max_ack_backlog=7)


def test_sctp_states_and_results() -> None:
    wrong = outcome(CLOSED_SCTP._replace(state=TcpState.ESTABLISHED))
    assert (wrong.result, wrong.rule) == (-EINVAL, Rule.WRONG_STATE)
    connected = outcome(CLOSED_SCTP._replace(socket_state=SocketState.CONNECTED))
    assert (connected.result, connected.rule) == (-EINVAL, Rule.WRONG_SOCKET_STATE)
    again = outcome(CLOSED_SCTP._replace(state=LISTEN), 4)
    assert (again.result, again.rule) == (0, Rule.SCTP_RELISTENS)
    assert again.socket and (again.socket.state, again.socket.max_ack_backlog) == (LISTEN, 4)


def test_sctp_refuses_a_negative_backlog_of_the_kernels_own_listeners() -> None:
    found = outcome(CLOSED_SCTP, -1, entry_path=EntryPath.KERNEL)
    assert (found.result, found.rule) == (-EINVAL, Rule.SCTP_NEGATIVE)
    assert outcome(CLOSED_SCTP, 1, entry_path=EntryPath.KERNEL).rule is Rule.SCTP_LISTENS
    assert outcome(CLOSED_SCTP, 0, entry_path=EntryPath.KERNEL).rule is Rule.SCTP_NOT_LISTENING


@pytest.mark.parametrize(
    ("bound", "error", "rule"),
    [(1, EADDRINUSE, Rule.SCTP_PORT_TAKEN), (0, EAGAIN, Rule.SCTP_NO_FREE_PORT)],
)
def test_sctp_without_a_port(bound: int, error: int, rule: Rule) -> None:
    found = outcomes(CLOSED_SCTP._replace(bound=bound), 5, knowledge=TAKEN)
    assert [(o.result, o.rule) for o in found] == [(-error, rule)] * 2
    assert [StageIndex.STATE_CLOSE in o.stages for o in found] == [True, False]
    assert [o.socket and o.socket.state for o in found] == [CLOSE, LISTEN]
    for each in found:
        assert each.stages[StageIndex.STATE_LISTEN] == StageValues(CLOSE, 7, 0, CLOSE)
        assert each.socket and each.socket.max_ack_backlog == 7


def test_sctp_prefers_success_where_the_port_is_not_known() -> None:
    found = outcomes(CLOSED_SCTP, 5, knowledge=Knowledge(refusal=0))
    assert [o.result for o in found] == [0, -EADDRINUSE, -EADDRINUSE]


def test_sctp_in_a_reuseport_group() -> None:
    found = outcomes(CLOSED_SCTP._replace(reuseport=1), 5)
    assert [o.result for o in found] == [0, -ENOMEM, -ENOMEM, -EBUSY, -EBUSY]
    assert [o.rule for o in found] == [Rule.SCTP_LISTENS, *[Rule.SCTP_HASH_FAILED] * 4]
    assert [o.socket and o.socket.state for o in found] == [LISTEN, CLOSE, LISTEN, CLOSE, LISTEN]
    assert outcome(CLOSED_SCTP, 5).result == 0
