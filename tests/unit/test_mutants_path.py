"""The whole path of a call, function by function with the fields after each: no step lost, none misplaced."""

from __future__ import annotations

from errno import EADDRINUSE, EAGAIN, EBUSY, EINVAL, ENOMEM, EPERM

import pytest

from listenwatch.model.behaviour import LINUX_7_3, Behaviour, Stored
from listenwatch.model.eras import (
    LINUX_2_6_12,
    LINUX_2_6_20,
    LINUX_3_8,
    LINUX_4_6,
    LINUX_4_9,
    LINUX_4_17,
    LINUX_4_19,
    LINUX_5_10,
    LINUX_6_6,
)
from listenwatch.model.families import VSOCK
from listenwatch.model.inputs import (
    Door,
    Environment,
    Knowledge,
    Protocol,
    Socket,
    SocketState,
    TcpState,
    Ulp,
)
from listenwatch.model.predict import predict
from listenwatch.model.rules import BacklogRule, Rule
from listenwatch.model.run import Outcome
from listenwatch.model.socket_c import as_unsigned_int
from listenwatch.model.stages import StageIndex, StageValues
from listenwatch.model.syn_queue import ListenSock
from tests.unit.make import (
    FREE,
    MPTCP,
    NOTHING,
    TAKEN,
    TCP,
    TCP6,
    UNBOUND,
    UNIX,
    outcome,
    outcomes,
    request,
)

CLOSE, LISTEN = TcpState.CLOSE, TcpState.LISTEN
OLD = TCP._replace(max_ack_backlog=7, ack_backlog=2)
SCTP = TCP._replace(protocol=Protocol.SCTP, max_ack_backlog=7)
VSOCK_STREAM = TCP._replace(family=VSOCK, protocol=0, max_ack_backlog=7)
NO_MEMORY = FREE._replace(memory=False)


def path(found: Outcome) -> list[str]:
    """Each step as ``function state max_ack_backlog ack_backlog``."""
    return [
        f"{s.function} {TcpState(s.state).name} {s.max_ack_backlog} {s.ack_backlog}"
        for s in found.steps
    ]


DOOR = ["__sys_listen_socket CLOSE 7 2", "security_socket_listen CLOSE 7 2", "inet_listen CLOSE 7 2"]
OLD_DOOR = ["sys_listen CLOSE 7 2", *DOOR[1:], "inet_csk_listen_start CLOSE 7 2"]
START = [
    "inet_listen CLOSE 511 2",
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
    assert path(outcome(OLD)) == [
        *DOOR,
        *START,
        "inet_csk_listen_start LISTEN 511 0",
        "inet_hash LISTEN 511 0",
        "tcp_call_bpf LISTEN 511 0",
    ]


def test_without_the_callback_of_bpf() -> None:
    found = path(outcome(OLD, behaviour=LINUX_7_3._replace(bpf_listen_callback=False)))
    assert found[-1] == "inet_hash LISTEN 511 0"


def test_a_taken_port() -> None:
    assert path(outcome(OLD, knowledge=TAKEN)) == [
        *DOOR,
        *START,
        "inet_csk_listen_start CLOSE 511 0",
    ]


def test_a_second_listen() -> None:
    listening = OLD._replace(state=LISTEN)
    assert path(outcome(listening)) == [
        *(step.replace("CLOSE", "LISTEN") for step in DOOR),
        "inet_listen LISTEN 511 2",
    ]


def test_a_refused_call_goes_no_further() -> None:
    assert path(outcome(OLD, knowledge=FREE._replace(refusal=-EPERM))) == DOOR[:2]


def test_a_first_listen_of_3_8_has_a_table() -> None:
    found = outcome(OLD, behaviour=LINUX_3_8)
    assert path(found) == [
        *OLD_DOOR,
        *OLD_START,
        "inet_csk_listen_start LISTEN 0 0",
        "inet_hash LISTEN 0 0",
        "inet_listen LISTEN 511 0",
    ]
    assert found.socket and found.socket.table == ListenSock(512, 9)


def test_a_taken_port_of_3_8_frees_the_table() -> None:
    found = outcome(OLD, behaviour=LINUX_3_8, knowledge=TAKEN)
    assert path(found) == [
        *OLD_DOOR,
        *OLD_START,
        "inet_csk_listen_start CLOSE 0 0",
        "__reqsk_queue_destroy CLOSE 0 0",
    ]
    assert found.socket and found.socket.table is None


def test_no_memory_for_the_table() -> None:
    found = outcome(OLD, behaviour=LINUX_3_8, knowledge=NO_MEMORY)
    assert (found.result, found.rule) == (-ENOMEM, Rule.NO_MEMORY)
    assert path(found) == OLD_DOOR
    either = outcomes(OLD, behaviour=LINUX_3_8, knowledge=FREE._replace(memory=None))
    assert [o.result for o in either] == [0, -ENOMEM]


def test_the_oldest_kernel_wakes_who_waits_for_the_lock() -> None:
    assert path(outcome(OLD, behaviour=LINUX_2_6_12))[-3:] == [
        "tcp_v4_hash LISTEN 0 0",
        "tcp_v4_hash LISTEN 0 0",
        "inet_listen LISTEN 511 0",
    ]


def test_4_19_stores_inside_and_again_at_the_end() -> None:
    found = path(outcome(OLD, behaviour=LINUX_4_19))
    assert found[4:6] == ["inet_csk_listen_start CLOSE 511 0", "inet_csk_listen_start LISTEN 511 0"]
    assert found[-1] == "inet_listen LISTEN 511 0"


def test_unix() -> None:
    found = outcome(UNIX._replace(max_ack_backlog=7))
    assert path(found)[2:] == ["unix_listen LISTEN 511 0"]
    assert found.socket and found.socket.state == LISTEN


def test_mptcp() -> None:
    found = outcome(MPTCP._replace(max_ack_backlog=7))
    assert path(found)[1:4] == [
        "security_socket_listen CLOSE 7 0",
        "mptcp_listen CLOSE 0 0",
        "inet_listen CLOSE 511 0",
    ]
    assert found.socket and (found.socket.state, found.socket.max_ack_backlog) == (LISTEN, 7)


# -- what a call leaves in the fields, and what the probe sees of it


def test_autobind_binds_in_each_way_a_port_is_found() -> None:
    found = outcome(UNBOUND)
    assert found.socket and found.socket.bound
    assert [step.does for step in found.steps if step.function == "get_port"] == ["chooses a port"]
    assert found.steps[8].function == "inet_csk_listen_start"


@pytest.mark.parametrize("behaviour", [LINUX_4_9, LINUX_4_17, LINUX_7_3])
def test_the_tracepoint_shows_both_states(behaviour: Behaviour) -> None:
    stages = outcome(OLD, behaviour=behaviour, knowledge=TAKEN).stages
    if not behaviour.state_tracepoint:
        assert StageIndex.STATE_LISTEN not in stages and StageIndex.STATE_CLOSE not in stages
        return
    assert stages[StageIndex.STATE_LISTEN] == StageValues(CLOSE, 511, 0, CLOSE)
    assert stages[StageIndex.STATE_CLOSE] == StageValues(LISTEN, 511, 0, LISTEN)


def test_the_hash_stage_of_functions_no_probe_sees() -> None:
    assert outcome(TCP, behaviour=LINUX_2_6_20).stages[StageIndex.HASH].value is None
    assert outcome(TCP6, behaviour=LINUX_4_6).stages[StageIndex.HASH].value == 2


def test_a_state_that_may_not_listen_stays() -> None:
    found = outcome(OLD._replace(state=TcpState.SYN_SENT))
    assert (found.result, found.rule) == (-EINVAL, Rule.WRONG_STATE)
    assert found.socket and (found.socket.state, found.socket.max_ack_backlog) == (
        TcpState.SYN_SENT,
        7,
    )


def test_a_failure_before_the_backlog_is_stored_stores_none() -> None:
    refused = outcome(OLD._replace(ulp=Ulp.NO_CLONE), behaviour=LINUX_7_3)
    assert (refused.result, refused.rule) == (-EINVAL, Rule.ULP_REFUSED)
    assert refused.socket and (refused.socket.max_ack_backlog, refused.socket.ack_backlog) == (511, 2)
    inside = LINUX_7_3._replace(stored=Stored.INSIDE_LISTEN_START)
    kept = outcome(OLD._replace(ulp=Ulp.NO_CLONE), behaviour=inside)
    assert kept.socket and kept.socket.max_ack_backlog == 7


def test_get_port_may_fail_with_an_errno_of_its_own() -> None:
    other = TAKEN._replace(port_errno=EINVAL)
    assert outcome(TCP, knowledge=other).result == -EINVAL
    assert outcome(TCP, knowledge=TAKEN).result == -EADDRINUSE
    unsure = LINUX_7_3._replace(get_port_errno_passed_on=None)
    assert [o.result for o in outcomes(TCP, behaviour=unsure, knowledge=other)] == [
        -EINVAL,
        -EADDRINUSE,
    ]
    assert [o.result for o in outcomes(TCP, behaviour=unsure, knowledge=TAKEN)] == [-EADDRINUSE]


def test_a_port_failure_may_be_lost() -> None:
    unsure = LINUX_7_3._replace(port_failure_returns_0=None)
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


# -- SCTP and AF_VSOCK


def test_sctp_states_and_results() -> None:
    wrong = outcome(SCTP._replace(state=TcpState.ESTABLISHED))
    assert (wrong.result, wrong.rule) == (-EINVAL, Rule.WRONG_STATE)
    connected = outcome(SCTP._replace(socket_state=SocketState.CONNECTED))
    assert (connected.result, connected.rule) == (-EINVAL, Rule.WRONG_SOCKET_STATE)
    again = outcome(SCTP._replace(state=LISTEN), 4)
    assert (again.result, again.rule) == (0, Rule.SCTP_RELISTENS)
    assert again.socket and (again.socket.state, again.socket.max_ack_backlog) == (LISTEN, 4)


def test_sctp_refuses_a_negative_backlog_of_the_kernels_own_listeners() -> None:
    found = outcome(SCTP, -1, door=Door.KERNEL)
    assert (found.result, found.rule) == (-EINVAL, Rule.SCTP_NEGATIVE)
    assert outcome(SCTP, 1, door=Door.KERNEL).rule is Rule.SCTP_LISTENS
    assert outcome(SCTP, 0, door=Door.KERNEL).rule is Rule.SCTP_NOT_LISTENING


@pytest.mark.parametrize(
    ("bound", "error", "rule"),
    [(1, EADDRINUSE, Rule.SCTP_PORT_TAKEN), (0, EAGAIN, Rule.SCTP_NO_FREE_PORT)],
)
def test_sctp_without_a_port(bound: int, error: int, rule: Rule) -> None:
    found = outcomes(SCTP._replace(bound=bound), 5, knowledge=TAKEN)
    assert [(o.result, o.rule) for o in found] == [(-error, rule)] * 2
    assert [StageIndex.STATE_CLOSE in o.stages for o in found] == [True, False]
    for each in found:
        assert each.stages[StageIndex.STATE_LISTEN] == StageValues(CLOSE, 7, 0, CLOSE)
        assert each.socket and each.socket.max_ack_backlog == 7


def test_sctp_prefers_success_where_the_port_is_not_known() -> None:
    found = outcomes(SCTP, 5, knowledge=Knowledge(refusal=0))
    assert [o.result for o in found] == [0, -EADDRINUSE, -EADDRINUSE]


def test_sctp_in_a_reuseport_group() -> None:
    found = outcomes(SCTP._replace(reuseport=1), 5)
    assert [o.result for o in found] == [0, -ENOMEM, -ENOMEM, -EBUSY, -EBUSY]
    assert {o.rule for o in found[1:]} == {Rule.SCTP_HASH_FAILED}
    assert [o.socket and o.socket.state for o in found] == [LISTEN, CLOSE, LISTEN, CLOSE, LISTEN]
    assert outcome(SCTP, 5).result == 0


def test_vsock_results_and_states() -> None:
    connected = outcome(VSOCK_STREAM._replace(socket_state=SocketState.CONNECTED))
    assert (connected.result, connected.rule) == (-EINVAL, Rule.WRONG_SOCKET_STATE)
    listens, unbound = outcomes(VSOCK_STREAM)
    assert listens.socket and (listens.socket.state, listens.socket.max_ack_backlog) == (LISTEN, 511)
    assert unbound.socket and (unbound.socket.state, unbound.socket.max_ack_backlog) == (CLOSE, 7)


# -- the door, the clamp and the subflow


def test_the_kernels_own_subflows_listen_as_their_mptcp_does() -> None:
    subflow = TCP._replace(ulp=Ulp.CLONES)
    new = outcome(subflow, -1, behaviour=LINUX_6_6, door=Door.KERNEL)
    assert StageIndex.INET_LISTEN not in new.stages
    assert new.backlog_rule is BacklogRule.NOT_CLAMPED
    old = outcome(subflow, 5, behaviour=LINUX_5_10, door=Door.KERNEL)
    assert StageIndex.INET_LISTEN in old.stages
    assert StageIndex.INET_LISTEN in outcome(subflow, 5, behaviour=LINUX_6_6).stages
    assert StageIndex.INET_LISTEN in outcome(TCP, 5, behaviour=LINUX_6_6, door=Door.KERNEL).stages


@pytest.mark.parametrize(
    ("backlog", "somaxconn", "given", "rule"),
    [
        (4096, 4096, 4096, BacklogRule.KEPT),
        (4097, 4096, 4096, BacklogRule.CLAMPED),
        (4095, 4096, 4095, BacklogRule.KEPT),
        (1, 0, 0, BacklogRule.CLAMPED),
        (0, 0, 0, BacklogRule.ZERO),
        (-1, 0, 0, BacklogRule.NEGATIVE),
        (-1, 4096, 4096, BacklogRule.NEGATIVE),
        (-1, -1, -1, BacklogRule.SOMAXCONN_NEGATIVE),
        (-1, -2, -2, BacklogRule.NEGATIVE),
        (-2, -1, -2, BacklogRule.SOMAXCONN_NEGATIVE),
        (5, -1, 5, BacklogRule.SOMAXCONN_NEGATIVE),
        (0, -1, 0, BacklogRule.SOMAXCONN_NEGATIVE),
    ],
)
def test_the_clamp(backlog: int, somaxconn: int, given: int, rule: BacklogRule) -> None:
    found = outcome(TCP, backlog, somaxconn=somaxconn)
    assert found.stages[StageIndex.SECURITY].value == given
    assert found.backlog_rule is rule


def test_unsigned_is_32_bits() -> None:
    numbers = (0, 1, -1, 2**31 - 1, -(2**31), 2**32, 2**32 + 1)
    assert [as_unsigned_int(n) for n in numbers] == [0, 1, 2**32 - 1, 2**31 - 1, 2**31, 0, 1]


def test_what_the_limit_holds_is_as_wide_as_the_field() -> None:
    def stored(bits: int, backlog: int) -> int:
        wide = LINUX_7_3._replace(max_ack_backlog_bits=bits)
        socket = outcome(UNIX, backlog, somaxconn=-1, behaviour=wide).socket
        assert socket is not None
        return socket.max_ack_backlog

    assert [stored(16, n) for n in (65535, 65536, 65537, -1)] == [65535, 0, 1, 65535]
    assert [stored(32, n) for n in (65536, -1)] == [65536, 2**32 - 1]


def test_a_subflow_that_is_there_keeps_its_numbers() -> None:
    pre = MPTCP._replace(
        subflow_state=LISTEN, state=LISTEN, subflow_max_ack_backlog=9, subflow_ack_backlog=3
    )
    found = outcome(pre, 511)
    assert path(found)[2:] == ["mptcp_listen LISTEN 9 3", "inet_listen LISTEN 511 3"]
    refused = outcome(pre, 511, knowledge=FREE._replace(refusal=-EPERM))
    assert refused.subflow is not None
    kept = refused.subflow
    assert (kept.state, kept.max_ack_backlog, kept.ack_backlog, kept.bound) == (LISTEN, 9, 3, True)
    assert kept.socket_state == SocketState.UNCONNECTED
    unbound = outcome(pre._replace(bound=0), 511, knowledge=FREE._replace(refusal=-EPERM))
    assert unbound.subflow is not None and unbound.subflow.bound is False


def test_a_connected_mptcp_socket_where_the_check_is_not_known() -> None:
    connecting = MPTCP._replace(socket_state=SocketState.CONNECTING)
    unsure = LINUX_6_6._replace(mptcp_checks_socket_state=None)
    first, second = outcomes(connecting, behaviour=unsure)
    assert (first.result, first.rule) == (-EINVAL, Rule.WRONG_SOCKET_STATE)
    assert second.result == 0
    through = outcome(connecting, behaviour=LINUX_5_10)
    assert (through.result, through.rule) == (-EINVAL, Rule.WRONG_SOCKET_STATE)
    assert through.subflow and through.subflow.socket_state == SocketState.CONNECTING
    wrong = outcome(MPTCP._replace(state=TcpState.ESTABLISHED))
    assert (wrong.result, wrong.rule) == (-EINVAL, Rule.WRONG_STATE)


# -- fast open without a socket option


def fast_open(flags: int, behaviour: Behaviour, pre: Socket = TCP, somaxconn: int = 4096) -> int:
    """The limit a listen(511) sets under these bits of tcp_fastopen."""
    environment = Environment(somaxconn, 1024, 1, flags, 0)
    found = list(predict(request(511), pre, environment, behaviour, FREE))
    (only,) = found
    assert only.socket is not None and only.result == 0
    limit = only.socket.fastopen_max_qlen
    told = [s for s in only.steps if s.function == "fastopen_queue"]
    assert len(told) == (limit > 0)
    return limit


LINUX_4_3 = LINUX_3_8
TUNES, TUNES_EITHER, ALLOCATES = LINUX_7_3, LINUX_4_6, LINUX_4_3


@pytest.mark.parametrize(
    ("flags", "new", "either", "allocates", "none"),
    [
        (0x402, 511, 511, 511, 0),
        (0x400, 0, 0, 0, 0),
        (0x002, 0, 0, 0, 0),
        (0x003, 0, 0, 0, 0),
        (0x0, 0, 0, 0, 0),
        (0x0021_0802, 0, 33, 33, 0),
        (0x0021_0800, 0, 0, 0, 0),
        (0x0021_0C02, 511, 511, 511, 0),
        (0x0021_0202, 0, 0, 0, 0),
        (0x7FFF_0802, 0, 4096, 32767, 0),
        (0x1001_0802, 0, 4096, 4097, 0),
        (0x8001_0802 - 2**32, 0, 4096, 0x8001, 0),
    ],
)
def test_which_limit_fast_open_gets(
    flags: int, new: int, either: int, allocates: int, none: int
) -> None:
    assert fast_open(flags, TUNES) == new
    assert fast_open(flags, TUNES_EITHER) == either
    assert fast_open(flags, ALLOCATES) == allocates
    assert fast_open(flags, LINUX_2_6_20) == none


def test_fast_open_is_tuned_to_somaxconn_and_not_by_a_later_listen() -> None:
    assert fast_open(0x402, TUNES, somaxconn=100) == 100
    assert fast_open(0x402, TUNES, TCP._replace(state=LISTEN)) == 0


def test_fast_open_counts_somaxconn_and_backlog_as_unsigned() -> None:
    huge = Environment(-1, 1024, 1, 0x402, 0)
    for backlog, limit in ((-1, 2**32 - 1), (511, 511), (-2, 2**32 - 2)):
        (found,) = predict(request(backlog), TCP, huge, TUNES, FREE)
        assert found.socket and found.socket.fastopen_max_qlen == limit
    small = huge._replace(somaxconn=-2)
    (found,) = predict(request(-1, Door.KERNEL), TCP, small, TUNES, FREE)
    assert found.socket and found.socket.fastopen_max_qlen == 2**32 - 2


def test_fast_open_may_lack_memory_before_4_4() -> None:
    environment = Environment(4096, 1024, 1, 0x402, 0)
    known = FREE._replace(memory=None)
    found = list(predict(request(511), OLD, environment, ALLOCATES, known))
    assert [(o.result, o.rule) for o in found] == [
        (0, Rule.LISTENS),
        (-ENOMEM, Rule.NO_MEMORY),
        (-ENOMEM, Rule.FASTOPEN_NO_MEMORY),
    ]
    assert found[2].socket and found[2].socket.fastopen_max_qlen == 0
    assert [o.result for o in predict(request(511), OLD, environment, TUNES, known)] == [0]


def test_a_socket_nobody_saw_has_no_fields_afterwards() -> None:
    (found,) = predict(
        request(5)._replace(is_file=False), NOTHING, Environment(0, 0, 0, 0, 0), LINUX_7_3, FREE
    )
    assert found.socket is None and found.subflow is None and found.steps == ()
