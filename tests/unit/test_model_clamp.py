"""How the backlog asked for becomes the backlog the protocol gets: __sys_listen_socket(), net/socket.c."""

from __future__ import annotations

import ctypes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from listenwatch.model.inputs import Door
from listenwatch.model.rules import BacklogRule
from listenwatch.model.socket_c import as_unsigned_int
from listenwatch.model.stages import StageIndex
from tests.unit.make import INT_MAX, TCP, UNIX, backlogs, outcome, somaxconns

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
        found = outcome(pre, backlog, somaxconn=somaxconn, door=Door.KERNEL)
        assert found.socket
        assert found.socket.max_ack_backlog == ctypes.c_uint32(backlog).value
        assert found.backlog_rule is BacklogRule.NOT_CLAMPED
        assert StageIndex.SECURITY not in found.stages


@given(backlogs, somaxconns, st.sampled_from([Door.COMPAT, Door.IO_URING]))
def test_the_doors_of_user_space_clamp_alike(backlog: int, somaxconn: int, door: Door) -> None:
    native = outcome(TCP, backlog, somaxconn=somaxconn)
    other = outcome(TCP, backlog, somaxconn=somaxconn, door=door)
    assert native.stages == other.stages
    assert native.backlog_rule is other.backlog_rule
