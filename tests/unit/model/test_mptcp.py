"""MPTCP: the first subflow listens, the MPTCP socket's own numbers stay: net/mptcp/protocol.c."""

from __future__ import annotations

from errno import EADDRINUSE, EINVAL, EPERM

import pytest

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import (
    EntryPath,
    Family,
    Knowledge,
    SocketState,
    TcpState,
    Ulp,
)
from listenwatch.model.rules import BacklogRule, Rule
from listenwatch.model.stages import StageIndex
from listenwatch.model.steps import Action
from tests.helpers.eras import (
    LINUX_5_10,
    LINUX_6_6,
    LINUX_7_3,
)
from tests.helpers.make import (
    FREE,
    MPTCP,
    TAKEN,
    TCP,
    limits,
    outcome,
    outcomes,
    path,
)

WITHOUT = MPTCP._replace(subflow_state=0, subflow_local_port=0)
"""Without a subflow yet, whatever its own number is."""
OLD = LINUX_7_3.replace(mptcp_enters="inet_listen")
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


DISCONNECTED = MPTCP._replace(subflow_local_port=0)
"""After shutdown() or connect(AF_UNSPEC) of a listener that bind() gave no port: the number is stale."""


def test_the_subflows_port_decides_and_the_socket_gets_it() -> None:
    kept, chosen = outcome(MPTCP), outcome(DISCONNECTED)
    assert (kept.rule, chosen.rule) == (Rule.LISTENS, Rule.AUTOBINDS)
    assert kept.socket and kept.subflow and kept.socket.local_port == kept.subflow.local_port == 8080
    assert chosen.socket and chosen.socket.bound and chosen.socket.local_port is None


def test_without_a_free_port_the_stale_number_is_nobodys_conflict() -> None:
    taken, none_free = outcome(MPTCP, knowledge=TAKEN), outcome(DISCONNECTED, knowledge=TAKEN)
    assert (taken.rule, none_free.rule) == (Rule.PORT_TAKEN, Rule.NO_FREE_PORT)
    assert none_free.socket and none_free.socket.local_port == 8080
    assert none_free.subflow and not none_free.subflow.bound


def test_a_disconnected_socket_may_be_an_accepted_one_which_could_not_listen_before_6_6() -> None:
    listens, refused = outcomes(DISCONNECTED, behaviour=OLD)
    assert (listens.rule, refused.rule, refused.result) == (Rule.AUTOBINDS, Rule.MPTCP_ACCEPTED, -EINVAL)
    assert refused.socket and refused.subflow
    assert (refused.socket.state, refused.subflow.state, refused.subflow.bound) == (CLOSE, CLOSE, False)
    for sure in (MPTCP, MPTCP._replace(bound=0, subflow_local_port=0), WITHOUT):
        assert outcome(sure, behaviour=OLD).result == 0


def test_an_old_recording_without_the_subflows_port_allows_both() -> None:
    unknown = MPTCP._replace(subflow_local_port=None)
    assert [o.rule for o in outcomes(unknown)] == [Rule.LISTENS, Rule.AUTOBINDS]
    assert outcome(unknown._replace(bound=0, local_port=0)).rule is Rule.AUTOBINDS
    assert outcome(LISTENING._replace(subflow_local_port=None)).rule is Rule.RELISTENS


def test_a_subflow_that_listen_makes_has_no_port() -> None:
    """As on an accepted socket whose first subflow was freed: its number is stale as well."""
    assert outcome(WITHOUT).rule is Rule.AUTOBINDS


@pytest.mark.parametrize("state", [s for s in SocketState if s is not SocketState.UNCONNECTED])
def test_a_connected_socket_reaches_no_subflow(state: SocketState) -> None:
    found = outcome(WITHOUT._replace(socket_state=state))
    assert (found.result, found.rule, found.subflow) == (-EINVAL, Rule.WRONG_SOCKET_STATE, None)


def test_a_wrong_state_reaches_no_subflow() -> None:
    found = outcome(WITHOUT._replace(state=TcpState.ESTABLISHED))
    assert (found.result, found.rule, found.subflow) == (-EINVAL, Rule.WRONG_STATE, None)


def test_over_ipv6_the_subflow_is_hashed_as_ipv6() -> None:
    stages = outcome(MPTCP._replace(family=Family.INET6), behaviour=LINUX_6_6).stages
    assert stages[StageIndex.HASH].value == 2


def test_a_refused_call_leaves_the_subflow_as_it_was() -> None:
    found = outcome(LISTENING, 511, knowledge=Knowledge(refusal=-EPERM))
    assert found.subflow
    assert (found.subflow.state, found.subflow.max_ack_backlog) == (TcpState.LISTEN, 7)


CLOSE, LISTEN = TcpState.CLOSE, TcpState.LISTEN


def test_mptcp() -> None:
    found = outcome(MPTCP._replace(max_ack_backlog=7))
    assert path(found)[1:4] == [
        "security_socket_listen CLOSE 7 0",
        "mptcp_listen CLOSE 0 0",
        "__inet_listen_sk CLOSE 511 0",
    ]
    assert found.socket and (found.socket.state, found.socket.max_ack_backlog) == (LISTEN, 7)


def test_the_kernels_own_subflows_listen_as_their_mptcp_does() -> None:
    subflow = TCP._replace(ulp=Ulp.CLONES)
    new = outcome(subflow, -1, behaviour=LINUX_6_6, entry_path=EntryPath.KERNEL)
    assert StageIndex.INET_LISTEN not in new.stages
    assert new.backlog_rule is BacklogRule.NOT_CLAMPED
    old = outcome(subflow, 5, behaviour=LINUX_5_10, entry_path=EntryPath.KERNEL)
    assert StageIndex.INET_LISTEN in old.stages
    assert StageIndex.INET_LISTEN in outcome(subflow, 5, behaviour=LINUX_6_6).stages
    assert StageIndex.INET_LISTEN in outcome(TCP, 5, behaviour=LINUX_6_6, entry_path=EntryPath.KERNEL).stages


def test_a_subflow_that_is_there_keeps_its_numbers() -> None:
    pre = MPTCP._replace(
        subflow_state=LISTEN, state=LISTEN, subflow_max_ack_backlog=9, subflow_ack_backlog=3, subflow_local_port=8080
    )
    found = outcome(pre, 511)
    assert path(found)[2:] == ["mptcp_listen LISTEN 9 3", "__inet_listen_sk LISTEN 511 3"]
    refused = outcome(pre, 511, knowledge=FREE._replace(refusal=-EPERM))
    assert refused.subflow is not None
    kept = refused.subflow
    assert (kept.state, kept.max_ack_backlog, kept.ack_backlog, kept.bound) == (LISTEN, 9, 3, True)
    assert kept.socket_state == SocketState.UNCONNECTED
    unbound = outcome(pre._replace(subflow_local_port=0), 511, knowledge=FREE._replace(refusal=-EPERM))
    assert unbound.subflow is not None and unbound.subflow.bound is False


def test_a_connected_mptcp_socket_where_the_check_is_not_known() -> None:
    connecting = MPTCP._replace(socket_state=SocketState.CONNECTING)
    unsure = LINUX_6_6.replace(mptcp_checks_socket_state=None)
    first, second = outcomes(connecting, behaviour=unsure)
    assert (first.result, first.rule) == (-EINVAL, Rule.WRONG_SOCKET_STATE)
    assert second.result == 0
    through = outcome(connecting, behaviour=LINUX_5_10)
    assert (through.result, through.rule) == (-EINVAL, Rule.WRONG_SOCKET_STATE)
    assert through.subflow and through.subflow.socket_state == SocketState.CONNECTING
    wrong = outcome(MPTCP._replace(state=TcpState.ESTABLISHED))
    assert (wrong.result, wrong.rule) == (-EINVAL, Rule.WRONG_STATE)


@pytest.mark.parametrize("behaviour", [OLD, LINUX_7_3], ids=["old", "new"])
def test_the_step_names_the_function_the_subflow_enters(behaviour: Behaviour) -> None:
    steps = outcome(MPTCP, behaviour=behaviour).steps
    through = [step for step in steps if step.function == "mptcp_listen"]
    assert [(step.action, step.operands) for step in through] == [
        (Action.LISTENS_THROUGH_SUBFLOW, (behaviour.mptcp_enters,)),
    ]
