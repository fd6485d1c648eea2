"""MPTCP: the first subflow listens, the MPTCP socket's own numbers stay: net/mptcp/protocol.c."""

from __future__ import annotations

from errno import EADDRINUSE, EINVAL, EPERM

import pytest

from listenwatch.model.behaviour import LINUX_7_3, Behaviour
from listenwatch.model.eras import LINUX_6_6
from listenwatch.model.inputs import Family, Knowledge, SocketState, TcpState
from listenwatch.model.rules import Rule
from listenwatch.model.stages import StageIndex
from tests.unit.make import MPTCP, TAKEN, limits, outcome

OLD = LINUX_7_3._replace(mptcp_enters="inet_listen")
LISTENING = MPTCP._replace(
    state=TcpState.LISTEN, subflow_state=TcpState.LISTEN, subflow_max_ack_backlog=7
)


@pytest.mark.parametrize("behaviour", [OLD, LINUX_7_3], ids=["old", "new"])
def test_the_subflow_gets_the_backlog_and_the_socket_keeps_its_own(behaviour: Behaviour) -> None:
    pre = MPTCP._replace(max_ack_backlog=5)
    found = outcome(pre, 511, behaviour=behaviour)
    assert found.socket and found.subflow
    assert (found.socket.state, found.socket.max_ack_backlog) == (TcpState.LISTEN, 5)
    assert (found.subflow.state, found.subflow.max_ack_backlog) == (TcpState.LISTEN, 511)
    assert limits(found)[StageIndex.SECURITY] == 5
    assert limits(found)[StageIndex.INET_LISTEN_SK] == 0
    assert limits(found)[StageIndex.STATE_LISTEN] == 511


def test_the_new_way_passes_by_inet_listen() -> None:
    assert StageIndex.INET_LISTEN not in outcome(MPTCP, behaviour=LINUX_7_3).stages
    assert StageIndex.INET_LISTEN in outcome(MPTCP, behaviour=OLD).stages


def test_both_ways_return_through_the_same_stage() -> None:
    for behaviour in (OLD, LINUX_7_3):
        assert outcome(MPTCP, behaviour=behaviour).stages[StageIndex.INET_LISTEN_RETURN].value == 0


def test_a_second_listen_changes_the_subflow_only() -> None:
    found = outcome(LISTENING, 511)
    assert found.rule is Rule.RELISTENS
    assert found.socket and found.subflow
    assert (found.socket.max_ack_backlog, found.subflow.max_ack_backlog) == (0, 511)
    assert limits(found)[StageIndex.INET_LISTEN_SK] == 7


def test_a_taken_port_leaves_both_closed() -> None:
    found = outcome(MPTCP, 511, knowledge=TAKEN)
    assert found.result == -EADDRINUSE
    assert found.socket and found.subflow
    assert found.socket.state == found.subflow.state == TcpState.CLOSE
    assert (found.socket.max_ack_backlog, found.subflow.max_ack_backlog) == (0, 511)
    assert StageIndex.HASH not in found.stages


def test_listen_binds_the_mptcp_socket_with_its_subflow() -> None:
    unbound = MPTCP._replace(bound=0, local_port=0)
    assert (sock := outcome(unbound).socket) and sock.bound
    assert (sock := outcome(unbound, knowledge=TAKEN).socket) and not sock.bound


@pytest.mark.parametrize("state", [s for s in SocketState if s is not SocketState.UNCONNECTED])
def test_a_connected_socket_reaches_no_subflow(state: SocketState) -> None:
    found = outcome(MPTCP._replace(socket_state=state))
    assert (found.result, found.rule, found.subflow) == (-EINVAL, Rule.WRONG_SOCKET_STATE, None)


def test_a_wrong_state_reaches_no_subflow() -> None:
    found = outcome(MPTCP._replace(state=TcpState.ESTABLISHED))
    assert (found.result, found.rule, found.subflow) == (-EINVAL, Rule.WRONG_STATE, None)


def test_over_ipv6_the_subflow_is_hashed_as_ipv6() -> None:
    stages = outcome(MPTCP._replace(family=Family.INET6), behaviour=LINUX_6_6).stages
    assert stages[StageIndex.HASH].value == 2


def test_a_refused_call_leaves_the_subflow_as_it_was() -> None:
    found = outcome(LISTENING, 511, knowledge=Knowledge(refusal=-EPERM))
    assert found.subflow
    assert (found.subflow.state, found.subflow.max_ack_backlog) == (TcpState.LISTEN, 7)
