"""net/ipv4/inet_connection_sock.c: what is stored when, function by function with the fields after each."""

from __future__ import annotations

from errno import EADDRINUSE, EBUSY, EINVAL, ENOMEM

import pytest

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import (
    Knowledge,
    Socket,
    TcpState,
    Ulp,
)
from listenwatch.model.request_sock import ListenSock
from listenwatch.model.rules import Rule
from listenwatch.model.stages import StageIndex, StageValues
from listenwatch.model.steps import Action
from listenwatch.model.variants import InnerHash, ListenerTables, Stored
from tests.helpers.eras import (
    LINUX_2_6_14,
    LINUX_2_6_20,
    LINUX_3_8,
    LINUX_4_6,
    LINUX_4_9,
    LINUX_4_17,
    LINUX_4_19,
    LINUX_5_10,
    LINUX_7_3,
)
from tests.helpers.make import (
    FREE,
    TAKEN,
    TCP,
    TCP6,
    UNBOUND,
    limits,
    outcome,
    outcomes,
    path,
)

BEFORE = LINUX_7_3.replace(stored=Stored.BEFORE_LISTEN_START)
INSIDE = LINUX_7_3.replace(stored=Stored.INSIDE_LISTEN_START)
AFTER = LINUX_7_3.replace(stored=Stored.AFTER_LISTEN_START)
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
    found = outcome(pre, behaviour=LINUX_7_3.replace(ipv6_hash="inet6_hash"))
    assert found.stages[StageIndex.HASH].value == function


def test_a_protocol_on_top_beats_a_taken_port() -> None:
    found = outcome(TCP._replace(ulp=Ulp.NO_CLONE), knowledge=TAKEN)
    assert (found.result, found.rule) == (-EINVAL, Rule.ULP_REFUSED)
    assert StageIndex.STATE_LISTEN not in found.stages
    assert found.stages[StageIndex.LISTEN_START_RETURN].value == -EINVAL
    assert found.socket and found.socket.max_ack_backlog == 511


def test_a_protocol_on_top_that_clones_may_listen() -> None:
    assert outcome(TCP._replace(ulp=Ulp.CLONES)).result == 0


def test_a_taken_port_comes_last() -> None:
    assert outcome(TCP, knowledge=TAKEN).result == -EADDRINUSE
    assert outcome(TCP, knowledge=FREE).result == 0


LEFT_OVER = TCP._replace(max_ack_backlog=7, ack_backlog=2)
NO_MEMORY = FREE._replace(memory=False)


ENTERED = ["__sys_listen_socket CLOSE 7 2", "security_socket_listen CLOSE 7 2", "inet_listen CLOSE 7 2"]
ENTERED_OLD = ["sys_listen CLOSE 7 2", *ENTERED[1:], "inet_csk_listen_start CLOSE 7 2"]
START = [
    "__inet_listen_sk CLOSE 511 2",
    "inet_csk_listen_start CLOSE 511 2",
    "inet_csk_listen_start CLOSE 511 0",
    "inet_csk_listen_start LISTEN 511 0",
    "get_port LISTEN 511 0",
]
OLD_START = [
    "reqsk_queue_alloc CLOSE 7 2",
    "inet_csk_listen_start CLOSE 0 0",
    "inet_csk_listen_start LISTEN 0 0",
    "get_port LISTEN 0 0",
]


def test_a_first_listen() -> None:
    assert path(outcome(LEFT_OVER)) == [
        *ENTERED,
        *START,
        "inet_csk_listen_start LISTEN 511 0",
        "inet_hash LISTEN 511 0",
        "tcp_call_bpf LISTEN 511 0",
    ]


def test_without_the_callback_of_bpf() -> None:
    found = path(outcome(LEFT_OVER, behaviour=LINUX_7_3.replace(bpf_listen_callback=False)))
    assert found[-1] == "inet_hash LISTEN 511 0"


def test_a_taken_port() -> None:
    assert path(outcome(LEFT_OVER, knowledge=TAKEN)) == [
        *ENTERED,
        *START,
        "inet_csk_listen_start CLOSE 511 0",
    ]


def test_a_second_listen() -> None:
    listening = LEFT_OVER._replace(state=LISTEN)
    assert path(outcome(listening)) == [
        *(step.replace("CLOSE", "LISTEN") for step in ENTERED),
        "__inet_listen_sk LISTEN 511 2",
    ]


def test_a_first_listen_of_3_8_has_a_table() -> None:
    found = outcome(LEFT_OVER, behaviour=LINUX_3_8)
    assert path(found) == [
        *ENTERED_OLD,
        *OLD_START,
        "inet_csk_listen_start LISTEN 0 0",
        "inet_hash LISTEN 0 0",
        "inet_listen LISTEN 511 0",
    ]
    assert found.socket and found.socket.table == ListenSock(512, 9)


def test_a_taken_port_of_3_8_frees_the_table() -> None:
    found = outcome(LEFT_OVER, behaviour=LINUX_3_8, knowledge=TAKEN)
    assert path(found) == [
        *ENTERED_OLD,
        *OLD_START,
        "inet_csk_listen_start CLOSE 0 0",
        "__reqsk_queue_destroy CLOSE 0 0",
    ]
    assert found.socket and found.socket.table is None


def test_no_memory_for_the_table() -> None:
    found = outcome(LEFT_OVER, behaviour=LINUX_3_8, knowledge=NO_MEMORY)
    assert (found.result, found.rule) == (-ENOMEM, Rule.NO_MEMORY)
    assert path(found) == ENTERED_OLD
    either = outcomes(LEFT_OVER, behaviour=LINUX_3_8, knowledge=FREE._replace(memory=None))
    assert [o.result for o in either] == [0, -ENOMEM]


def test_the_oldest_kernel_wakes_who_waits_for_the_lock() -> None:
    assert path(outcome(LEFT_OVER, behaviour=LINUX_2_6_14))[-3:] == [
        "tcp_v4_hash LISTEN 0 0",
        "tcp_v4_hash LISTEN 0 0",
        "inet_listen LISTEN 511 0",
    ]


def test_4_19_stores_inside_and_again_at_the_end() -> None:
    found = path(outcome(LEFT_OVER, behaviour=LINUX_4_19))
    assert found[4:6] == ["inet_csk_listen_start CLOSE 511 0", "inet_csk_listen_start LISTEN 511 0"]
    assert found[-1] == "inet_listen LISTEN 511 0"


def test_autobind_binds_in_each_way_a_port_is_found() -> None:
    found = outcome(UNBOUND)
    assert found.socket and found.socket.bound
    assert [step.action for step in found.steps if step.function == "get_port"] == [Action.CHOOSES_PORT]
    assert found.steps[8].function == "inet_csk_listen_start"


@pytest.mark.parametrize("behaviour", [LINUX_4_9, LINUX_4_17, LINUX_7_3])
def test_the_tracepoint_shows_both_states(behaviour: Behaviour) -> None:
    stages = outcome(LEFT_OVER, behaviour=behaviour, knowledge=TAKEN).stages
    if not behaviour.state_tracepoint:
        assert StageIndex.STATE_LISTEN not in stages and StageIndex.STATE_CLOSE not in stages
        return
    assert stages[StageIndex.STATE_LISTEN] == StageValues(CLOSE, 511, 0, CLOSE)
    assert stages[StageIndex.STATE_CLOSE] == StageValues(LISTEN, 511, 0, LISTEN)


def test_the_hash_stage_of_functions_no_probe_sees() -> None:
    assert outcome(TCP, behaviour=LINUX_2_6_20).stages[StageIndex.HASH].value == 0
    assert outcome(TCP6, behaviour=LINUX_4_6).stages[StageIndex.HASH].value == 2


def test_a_failure_before_the_backlog_is_stored_stores_none() -> None:
    refused = outcome(LEFT_OVER._replace(ulp=Ulp.NO_CLONE), behaviour=LINUX_7_3)
    assert (refused.result, refused.rule) == (-EINVAL, Rule.ULP_REFUSED)
    assert refused.socket and (refused.socket.max_ack_backlog, refused.socket.ack_backlog) == (511, 2)
    inside = LINUX_7_3.replace(stored=Stored.INSIDE_LISTEN_START)
    kept = outcome(LEFT_OVER._replace(ulp=Ulp.NO_CLONE), behaviour=inside)
    assert kept.socket and kept.socket.max_ack_backlog == 7


def test_get_port_may_fail_with_an_errno_of_its_own() -> None:
    other = TAKEN._replace(port_errno=EINVAL)
    assert outcome(TCP, knowledge=other).result == -EINVAL
    assert outcome(TCP, knowledge=TAKEN).result == -EADDRINUSE
    unsure = LINUX_7_3.replace(get_port_errno_passed_on=None)
    assert [o.result for o in outcomes(TCP, behaviour=unsure, knowledge=other)] == [
        -EINVAL,
        -EADDRINUSE,
    ]
    assert [o.result for o in outcomes(TCP, behaviour=unsure, knowledge=TAKEN)] == [-EADDRINUSE]


def test_a_port_failure_may_be_lost() -> None:
    unsure = LINUX_7_3.replace(port_failure_returns_0=None)
    found = outcomes(TCP, behaviour=unsure, knowledge=TAKEN)
    assert [(o.result, o.rule) for o in found] == [
        (-EADDRINUSE, Rule.PORT_TAKEN),
        (0, Rule.PORT_FAILURE_LOST),
    ]


def test_a_hash_error_is_lost_over_ipv6_only() -> None:
    shared6 = outcomes(TCP6._replace(reuseport=1), behaviour=LINUX_4_6)
    assert [(o.result, o.rule) for o in shared6] == [
        (0, Rule.LISTENS),
        (0, Rule.HASH_ERROR_LOST),
    ]
    shared = outcomes(TCP._replace(reuseport=1), behaviour=LINUX_4_6)
    assert [(o.result, o.rule) for o in shared] == [
        (0, Rule.LISTENS),
        (-ENOMEM, Rule.HASH_FAILED),
        (-EBUSY, Rule.HASH_FAILED),
    ]


STORED = Action.STORES_BACKLOG, ()
ENTRY = [(Action.KEEPS_BACKLOG, (511, 4096)), (Action.ALLOWS, ()), (Action.IS_GIVEN_BACKLOG, (511,))]
STEPS: dict[str, tuple[Socket, Behaviour, list[tuple[Action, tuple[object, ...]]]]] = {
    "7.3": (
        TCP,
        LINUX_7_3,
        [
            STORED,
            (Action.IS_GIVEN_SOCKET_ONLY, ()),
            (Action.EMPTIES_QUEUE, (Stored.BEFORE_LISTEN_START,)),
            (Action.SETS_TRACED_STATE, (LISTEN,)),
            (Action.KEEPS_PORT, ()),
            (Action.SETS_SOURCE_PORT, ()),
            (Action.HASHES, (ListenerTables.ADDRESS,)),
            (Action.RUNS_BPF_LISTEN_CALLBACK, ()),
        ],
    ),
    "5.10 over IPv6": (
        TCP6,
        LINUX_5_10,
        [
            STORED,
            (Action.IS_GIVEN, (511,)),
            (Action.EMPTIES_QUEUE, (Stored.BEFORE_LISTEN_START,)),
            (Action.SETS_TRACED_STATE, (LISTEN,)),
            (Action.KEEPS_PORT, ()),
            (Action.SETS_SOURCE_PORT, ()),
            (Action.HASHES_BELOW, (ListenerTables.PORT_AND_ADDRESS, InnerHash.GLOBAL)),
            (Action.RUNS_BPF_LISTEN_CALLBACK, ()),
        ],
    ),
    "3.8": (
        TCP,
        LINUX_3_8,
        [
            (Action.IS_GIVEN, (511,)),
            (Action.ALLOCATES_TABLE, (512, 9)),
            (Action.EMPTIES_QUEUE, (Stored.AFTER_LISTEN_START,)),
            (Action.SETS_STATE, (LISTEN,)),
            (Action.KEEPS_PORT, ()),
            (Action.SETS_SOURCE_PORT, ()),
            (Action.HASHES_BELOW, (ListenerTables.PORT, InnerHash.STATIC)),
            STORED,
        ],
    ),
    "2.6.14 without an address": (
        UNBOUND,
        LINUX_2_6_14,
        [
            (Action.IS_GIVEN_TABLE_SIZE, (512,)),
            (Action.ALLOCATES_TABLE, (512, 10)),
            (Action.EMPTIES_QUEUE, (Stored.AFTER_LISTEN_START,)),
            (Action.SETS_STATE, (LISTEN,)),
            (Action.CHOOSES_PORT, ()),
            (Action.SETS_SOURCE_PORT, ()),
            (Action.HASHES_BELOW, (ListenerTables.PORT, InnerHash.INLINE)),
            (Action.WAKES_LHASH_WAIT, ()),
            STORED,
        ],
    ),
}
"""What each era does in a first listen(511), with the operands of each action."""


@pytest.mark.parametrize("era", STEPS)
def test_each_action_has_its_operands(era: str) -> None:
    pre, behaviour, expected = STEPS[era]
    steps = outcome(pre, behaviour=behaviour).steps
    assert [(step.action, step.operands) for step in steps] == ENTRY + expected
    started = [step.function for step in steps if step.action in (Action.IS_GIVEN, Action.IS_GIVEN_TABLE_SIZE)]
    assert set(started) <= {"inet_csk_listen_start"}
