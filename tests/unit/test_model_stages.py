"""What is stored when: each stage of a TCP listen, for each order the kernel ever had."""

from __future__ import annotations

from errno import EADDRINUSE, EBUSY, ENOMEM

import pytest

from listenwatch.model.behaviour import LINUX_7_3, Behaviour, Stored
from listenwatch.model.inputs import Knowledge, Socket, TcpState
from listenwatch.model.rules import Rule
from listenwatch.model.stages import StageIndex, StageValues
from tests.unit.make import FREE, TAKEN, TCP, TCP6, UNBOUND, limits, outcome, outcomes

BEFORE = LINUX_7_3._replace(stored=Stored.BEFORE_LISTEN_START)
INSIDE = LINUX_7_3._replace(stored=Stored.INSIDE_LISTEN_START)
AFTER = LINUX_7_3._replace(stored=Stored.AFTER_LISTEN_START)
OLD = TCP._replace(max_ack_backlog=7)
"""A socket that listened with 7 before and was closed by shutdown(): the number is still there."""

CLOSE, LISTEN = TcpState.CLOSE, TcpState.LISTEN
ORDER = tuple(StageIndex)


def test_a_first_listen_passes_every_stage_in_order() -> None:
    found = outcome(TCP, 511)
    passed = [stage for stage in ORDER if stage is not StageIndex.STATE_CLOSE]
    assert list(found.stages) == passed
    assert found.rule is Rule.LISTENS
    assert found.result == 0


def test_a_first_listen_field_by_field() -> None:
    """inet_listen() of v6.18, read line by line."""
    assert outcome(OLD, 511).stages == {
        StageIndex.SECURITY: StageValues(511, 7, None, CLOSE),
        StageIndex.SECURITY_RETURN: StageValues(0, 7, None, CLOSE),
        StageIndex.INET_LISTEN: StageValues(511, 7, None, CLOSE),
        StageIndex.INET_LISTEN_SK: StageValues(511, 7, None, CLOSE),
        StageIndex.LISTEN_START: StageValues(None, 511, None, CLOSE),
        StageIndex.STATE_LISTEN: StageValues(CLOSE, 511, 0, CLOSE),
        StageIndex.HASH: StageValues(1, 511, 0, LISTEN),
        StageIndex.LISTEN_START_RETURN: StageValues(0, 511, None, LISTEN),
        StageIndex.INET_LISTEN_RETURN: StageValues(0, 511, None, LISTEN),
    }


@pytest.mark.parametrize(
    ("behaviour", "start", "state", "hashed", "started", "left"),
    [
        (BEFORE, 511, 511, 511, 511, 511),
        (INSIDE, 7, 511, 511, 511, 511),
        (AFTER, 7, 0, 0, 0, 511),
    ],
    ids=["before", "inside", "after"],
)
def test_order_of_writes(
    behaviour: Behaviour, start: int, state: int, hashed: int, started: int, left: int
) -> None:
    seen = limits(outcome(OLD, 511, behaviour=behaviour))
    assert seen[StageIndex.INET_LISTEN] == seen[StageIndex.INET_LISTEN_SK] == 7
    assert seen[StageIndex.LISTEN_START] == start
    assert seen[StageIndex.STATE_LISTEN] == state
    assert seen[StageIndex.HASH] == hashed
    assert seen[StageIndex.LISTEN_START_RETURN] == started
    assert seen[StageIndex.INET_LISTEN_RETURN] == left


@pytest.mark.parametrize(
    ("behaviour", "left"), [(BEFORE, 511), (INSIDE, 511), (AFTER, 0)], ids=["new", "mid", "old"]
)
def test_a_failed_listen_leaves_a_backlog_behind(behaviour: Behaviour, left: int) -> None:
    found = outcome(OLD, 511, behaviour=behaviour, knowledge=TAKEN)
    assert found.socket
    assert found.socket.max_ack_backlog == left
    assert found.socket.state == CLOSE
    assert found.result == -EADDRINUSE


def test_a_taken_port_goes_back_to_close_and_never_hashes() -> None:
    found = outcome(TCP, 511, knowledge=TAKEN)
    assert found.rule is Rule.PORT_TAKEN
    assert StageIndex.HASH not in found.stages
    assert found.stages[StageIndex.STATE_LISTEN].value == CLOSE
    assert found.stages[StageIndex.STATE_CLOSE] == StageValues(LISTEN, 511, 0, LISTEN)
    for stage in (StageIndex.LISTEN_START_RETURN, StageIndex.INET_LISTEN_RETURN):
        assert found.stages[stage] == StageValues(-EADDRINUSE, 511, None, CLOSE)


def test_an_unknown_port_has_both_outcomes() -> None:
    found = outcomes(TCP, 511, knowledge=Knowledge(refusal=0))
    assert [o.rule for o in found] == [Rule.LISTENS, Rule.PORT_TAKEN]


@pytest.mark.parametrize("behaviour", [BEFORE, INSIDE, AFTER], ids=["before", "inside", "after"])
def test_a_second_listen_only_stores_the_backlog(behaviour: Behaviour) -> None:
    listening = TCP._replace(state=LISTEN, max_ack_backlog=7, ack_backlog=3)
    found = outcome(listening, 511, behaviour=behaviour, knowledge=Knowledge(refusal=0))
    assert found.rule is Rule.RELISTENS
    assert list(found.stages) == [
        StageIndex.SECURITY,
        StageIndex.SECURITY_RETURN,
        StageIndex.INET_LISTEN,
        StageIndex.INET_LISTEN_SK,
        StageIndex.INET_LISTEN_RETURN,
    ]
    assert limits(found)[StageIndex.INET_LISTEN_SK] == 7
    assert limits(found)[StageIndex.INET_LISTEN_RETURN] == 511
    assert found.socket
    assert (found.socket.state, found.socket.ack_backlog) == (LISTEN, 3)


def test_an_unbound_socket_is_bound_by_listen() -> None:
    found = outcome(UNBOUND, 511)
    assert found.rule is Rule.AUTOBINDS
    assert found.socket and found.socket.bound


def test_without_a_free_port_an_unbound_socket_stays_unbound() -> None:
    found = outcome(UNBOUND, 511, knowledge=TAKEN)
    assert (found.rule, found.result) == (Rule.NO_FREE_PORT, -EADDRINUSE)
    assert found.socket and not found.socket.bound


def test_joining_a_reuseport_group_may_fail_after_the_hash_stage() -> None:
    found = outcomes(TCP._replace(reuseport=1), 511, knowledge=FREE)
    assert [o.result for o in found] == [0, -ENOMEM, -EBUSY]
    for failed in found[1:]:
        assert failed.rule is Rule.HASH_FAILED
        assert StageIndex.HASH in failed.stages
        assert StageIndex.STATE_CLOSE in failed.stages
        assert failed.socket and failed.socket.bound and failed.socket.state == CLOSE


def test_connections_may_arrive_once_it_is_hashed() -> None:
    """From the hash stage's end on no number of waiting connections is right, so none is predicted."""
    stages = outcome(TCP, 511).stages
    assert stages[StageIndex.HASH].ack_backlog == 0
    assert stages[StageIndex.LISTEN_START_RETURN].ack_backlog is None
    assert stages[StageIndex.INET_LISTEN_RETURN].ack_backlog is None


@pytest.mark.parametrize(("pre", "function"), [(TCP, 1), (TCP6, 2)], ids=["ipv4", "ipv6"])
def test_which_hash_function(pre: Socket, function: int) -> None:
    found = outcome(pre, behaviour=LINUX_7_3._replace(ipv6_hash="inet6_hash"))
    assert found.stages[StageIndex.HASH].value == function
