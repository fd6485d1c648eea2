"""net/socket.c: the descriptor, the clamp to somaxconn, the security module."""

from __future__ import annotations

import ctypes
from errno import (
    EACCES,
    EBADF,
    ENOTSOCK,
    EOPNOTSUPP,
    EPERM,
)

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from listenwatch.model.inputs import (
    EntryPath,
    Family,
    Knowledge,
    Request,
    Socket,
    SocketState,
    SocketType,
    TcpState,
    Ulp,
)
from listenwatch.model.predict import predict
from listenwatch.model.rules import BacklogRule, Rule
from listenwatch.model.run import Outcome
from listenwatch.model.socket_c import as_int, as_unsigned_int
from listenwatch.model.stages import StageIndex
from listenwatch.model.steps import Action
from tests.helpers.eras import (
    LINUX_7_3,
)
from tests.helpers.make import (
    FREE,
    INT_MAX,
    NOTHING,
    TAKEN,
    TCP,
    UDP,
    UNIX,
    backlogs,
    environment,
    outcome,
    outcomes,
    path,
    somaxconns,
)

INT_MIN = -(2**31)


def oracle(backlog: int, somaxconn: int) -> int:
    """The two lines of C, by ctypes: ``if ((unsigned int)backlog > somaxconn) backlog = somaxconn;``"""
    as_c_int = ctypes.c_int32(backlog)
    if ctypes.c_uint32(as_c_int.value).value > ctypes.c_uint32(somaxconn).value:
        as_c_int = ctypes.c_int32(somaxconn)
    return as_c_int.value


@given(backlogs, somaxconns)
@example(INT_MIN, 0)
@example(INT_MIN, INT_MAX)
@example(-1, INT_MAX)
@example(INT_MAX, INT_MAX)
@example(INT_MAX, INT_MAX - 1)
@example(0, 0)
@example(1, 0)
def test_stored_is_what_c_makes_of_it(backlog: int, somaxconn: int) -> None:
    for pre in (TCP, UNIX):
        stored = outcome(pre, backlog, somaxconn=somaxconn).socket
        assert stored
        assert stored.max_ack_backlog == oracle(backlog, somaxconn)


@given(backlogs, somaxconns)
def test_the_hook_and_inet_listen_get_the_clamped_backlog(backlog: int, somaxconn: int) -> None:
    stages = outcome(TCP, backlog, somaxconn=somaxconn).stages
    assert stages[StageIndex.SECURITY].value == oracle(backlog, somaxconn)
    assert stages[StageIndex.INET_LISTEN].value == oracle(backlog, somaxconn)
    assert stages[StageIndex.INET_LISTEN_SK].value == oracle(backlog, somaxconn)


@given(st.integers(INT_MIN, INT_MAX))
def test_as_unsigned_int(number: int) -> None:
    assert as_unsigned_int(number) == ctypes.c_uint32(number).value


@given(st.integers(-(2**63), 2**64 - 1))
def test_as_int(number: int) -> None:
    assert as_int(number) == ctypes.c_int32(number).value


@given(st.integers(INT_MIN, -1), somaxconns)
def test_a_negative_backlog_is_somaxconn(backlog: int, somaxconn: int) -> None:
    found = outcome(TCP, backlog, somaxconn=somaxconn)
    assert found.socket
    assert found.socket.max_ack_backlog == somaxconn
    assert found.backlog_rule is BacklogRule.NEGATIVE


@pytest.mark.parametrize(
    ("backlog", "somaxconn", "stored", "rule"),
    [
        (0, 4096, 0, BacklogRule.ZERO),
        (0, 0, 0, BacklogRule.ZERO),
        (1, 0, 0, BacklogRule.CLAMPED),
        (1, 4096, 1, BacklogRule.KEPT),
        (4096, 4096, 4096, BacklogRule.KEPT),
        (4097, 4096, 4096, BacklogRule.CLAMPED),
        (511, 128, 128, BacklogRule.CLAMPED),
        (-1, 4096, 4096, BacklogRule.NEGATIVE),
        (INT_MAX, INT_MAX, INT_MAX, BacklogRule.KEPT),
        (65536, INT_MAX, 65536, BacklogRule.KEPT),
    ],
)
def test_backlog_rules(backlog: int, somaxconn: int, stored: int, rule: BacklogRule) -> None:
    found = outcome(TCP, backlog, somaxconn=somaxconn)
    assert found.socket
    assert (found.socket.max_ack_backlog, found.backlog_rule) == (stored, rule)


@given(backlogs, somaxconns)
def test_the_kernels_own_listeners_are_not_clamped(backlog: int, somaxconn: int) -> None:
    for pre in (TCP, UNIX):
        found = outcome(pre, backlog, somaxconn=somaxconn, entry_path=EntryPath.KERNEL)
        assert found.socket
        assert found.socket.max_ack_backlog == ctypes.c_uint32(backlog).value
        assert found.backlog_rule is BacklogRule.NOT_CLAMPED
        assert StageIndex.SECURITY not in found.stages


@given(backlogs, somaxconns, st.sampled_from([EntryPath.COMPAT, EntryPath.IO_URING]))
def test_the_entry_paths_of_user_space_clamp_alike(backlog: int, somaxconn: int, entry_path: EntryPath) -> None:
    native = outcome(TCP, backlog, somaxconn=somaxconn)
    other = outcome(TCP, backlog, somaxconn=somaxconn, entry_path=entry_path)
    assert native.stages == other.stages
    assert native.backlog_rule is other.backlog_rule


LEFT_OVER = TCP._replace(max_ack_backlog=7, ack_backlog=2)


ENTERED = ["__sys_listen_socket CLOSE 7 2", "security_socket_listen CLOSE 7 2", "inet_listen CLOSE 7 2"]


def test_a_refused_call_goes_no_further() -> None:
    assert path(outcome(LEFT_OVER, knowledge=FREE._replace(refusal=-EPERM))) == ENTERED[:2]


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
        wide = LINUX_7_3.replace(max_ack_backlog_bits=bits)
        socket = outcome(UNIX, backlog, somaxconn=-1, behaviour=wide).socket
        assert socket is not None
        return socket.max_ack_backlog

    assert [stored(16, n) for n in (65535, 65536, 65537, -1)] == [65535, 0, 1, 65535]
    assert [stored(32, n) for n in (65536, -1)] == [65536, 2**32 - 1]


REFUSED = Knowledge(refusal=-EACCES, port_free=False)
CONNECTED = {"state": TcpState.ESTABLISHED, "socket_state": SocketState.CONNECTED}
TLS_CONNECTED = TCP._replace(**CONNECTED, ulp=Ulp.NO_CLONE)


def call(asked: Request, pre: Socket, knowledge: Knowledge) -> Outcome:
    """The only outcome of this call."""
    (only,) = predict(asked, pre, environment(), LINUX_7_3, knowledge)
    return only


@pytest.mark.parametrize("pre", [NOTHING, UDP, TLS_CONNECTED], ids=["nothing", "udp", "tls"])
def test_a_bad_descriptor_beats_everything(pre: Socket) -> None:
    found = call(Request(EntryPath.SYSCALL, False, False, -1), pre, REFUSED)
    assert (found.result, found.rule) == (-EBADF, Rule.BAD_DESCRIPTOR)
    assert (found.stages, found.backlog_rule) == ({}, BacklogRule.NOT_REACHED)


def test_not_a_socket_beats_the_security_module() -> None:
    found = call(Request(EntryPath.SYSCALL, True, False, -1), NOTHING, REFUSED)
    assert (found.result, found.rule) == (-ENOTSOCK, Rule.NOT_A_SOCKET)
    assert (found.stages, found.socket) == ({}, None)


@pytest.mark.parametrize("pre", [UDP, TLS_CONNECTED, UNIX], ids=["udp", "tls", "unix"])
@pytest.mark.parametrize("error", [EACCES, EPERM])
def test_the_security_module_beats_the_protocol(pre: Socket, error: int) -> None:
    found = outcome(pre, knowledge=Knowledge(refusal=-error, port_free=False))
    assert (found.result, found.rule) == (-error, Rule.SECURITY_REFUSED)
    assert list(found.stages) == [StageIndex.SECURITY, StageIndex.SECURITY_RETURN]
    assert found.stages[StageIndex.SECURITY_RETURN].value == -error
    assert found.socket and found.socket.max_ack_backlog == pre.max_ack_backlog


def test_an_unwatched_security_module_may_refuse() -> None:
    results = [o.result for o in outcomes(TCP, knowledge=Knowledge(port_free=True))]
    assert results == [0, -EACCES, -EPERM]


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        (Family.INET, SocketType.DGRAM),
        (Family.INET6, SocketType.DGRAM),
        (Family.INET, SocketType.RAW),
        (Family.UNIX, SocketType.DGRAM),
        (Family.NETLINK, SocketType.RAW),
        (Family.PACKET, SocketType.DGRAM),
    ],
)
def test_sockets_that_cannot_listen(family: Family, kind: SocketType) -> None:
    pre = TCP._replace(family=family, type=kind, protocol=0, **CONNECTED)
    found = outcome(pre, knowledge=TAKEN)
    assert (found.result, found.rule) == (-EOPNOTSUPP, Rule.NOT_SUPPORTED)


@pytest.mark.parametrize(
    ("backlog", "refusal", "expected"),
    [
        (511, 0, [(Action.KEEPS_BACKLOG, (511, 4096)), (Action.ALLOWS, ())]),
        (9999, 0, [(Action.CLAMPS_BACKLOG, (9999, 4096)), (Action.ALLOWS, ())]),
        (-1, -EPERM, [(Action.CLAMPS_BACKLOG, (-1, 4096)), (Action.REFUSES, ())]),
    ],
)
def test_the_first_steps_with_their_operands(
    backlog: int, refusal: int, expected: list[tuple[Action, tuple[int, ...]]]
) -> None:
    steps = outcome(TCP, backlog, knowledge=FREE._replace(refusal=refusal)).steps
    assert [(step.action, step.operands) for step in steps[:2]] == expected
