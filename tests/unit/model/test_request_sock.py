"""The SYN queue's table, its limit and its last quarter, at each boundary."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.request_sock import (
    TCP_SYNQ_HSIZE,
    ListenSock,
    _log2_roundup,
    first_quarters,
    is_in_last_quarter,
    reqsk_queue_alloc,
    syn_queue_is_full,
    syn_queue_limit,
)
from tests.helpers.eras import (
    LINUX_2_6_14,
    LINUX_2_6_20,
    LINUX_3_8,
    LINUX_4_1,
    LINUX_4_4,
    LINUX_7_3,
)
from tests.helpers.make import behaviours


def test_no_table_since_4_4() -> None:
    assert reqsk_queue_alloc(511, 1024, LINUX_4_4) is None


@given(st.integers(0, 65535), st.integers(0, 65535), behaviours)
def test_the_syn_queue_holds_what_its_limit_says(
    backlog: int, max_syn_backlog: int, behaviour: Behaviour
) -> None:
    table = reqsk_queue_alloc(backlog, max_syn_backlog, behaviour)
    limit = syn_queue_limit(backlog, table, behaviour)
    assert limit is not None
    assert syn_queue_is_full(limit, backlog, table, behaviour)
    assert limit == 0 or not syn_queue_is_full(limit - 1, backlog, table, behaviour)


AT_LIMIT = LINUX_7_3.replace(syn_queue_full_above_limit=False)


@pytest.mark.parametrize(
    ("backlog", "max_syn_backlog", "log"),
    [
        (0, 1024, 4),
        (7, 1024, 4),
        (8, 1024, 4),
        (14, 1024, 4),
        (15, 1024, 4),
        (16, 1024, 5),
        (30, 1024, 5),
        (31, 1024, 5),
        (32, 1024, 6),
        (1023, 1024, 10),
        (1024, 1024, 11),
        (2000, 1024, 11),
        (100, 9, 4),
        (100, 0, 4),
        (-1, 1024, 11),
        (100, -1, 7),
        (127, 1024, 7),
        (128, 1024, 8),
        (1000, 0, 4),
        (1000, -1, 10),
        (-1, 1023, 10),
        (2**32, 1024, 4),
        (2**32 + 100, 1024, 7),
        (0xFFFF_FFFE, -1, 32),
    ],
)
def test_the_table_by_backlog(backlog: int, max_syn_backlog: int, log: int) -> None:
    for era in (LINUX_2_6_20, LINUX_3_8, LINUX_4_1):
        assert reqsk_queue_alloc(backlog, max_syn_backlog, era) == ListenSock(1 << log, log)


@pytest.mark.parametrize(
    ("max_syn_backlog", "log"),
    [
        *((-1, 6), (0, 6), (1, 6), (2, 6), (64, 6), (65, 7), (128, 7), (129, 8), (256, 8)),
        *((1000, 10), (1024, 10), (-(2**31), 6)),
    ],
)
def test_the_table_of_512(max_syn_backlog: int, log: int) -> None:
    for backlog in (0, 1, 9, 5000):
        assert reqsk_queue_alloc(backlog, max_syn_backlog, LINUX_2_6_14) == ListenSock(512, log)
    assert TCP_SYNQ_HSIZE == 512


def test_a_full_syn_queue() -> None:
    table = ListenSock(16, 4)
    assert [syn_queue_is_full(n, 1, table, LINUX_3_8) for n in (15, 16, 17, 32)] == [
        *(False, True, True, True)
    ]
    assert syn_queue_limit(1, table, LINUX_3_8) == 16
    for behaviour, limit in ((LINUX_7_3, 6), (AT_LIMIT, 5)):
        assert syn_queue_limit(5, None, behaviour) == limit
        full = [syn_queue_is_full(n, 5, None, behaviour) for n in (limit - 1, limit, limit + 1)]
        assert full == [False, True, True]


@pytest.mark.parametrize(
    ("max_syn_backlog", "first_refused"),
    [(1024, 769), (16, 13), (7, 7), (4, 4), (3, 4), (1, 2), (0, 1), (2, 3)],
)
def test_the_last_quarter(max_syn_backlog: int, first_refused: int) -> None:
    assert first_quarters(max_syn_backlog) == first_refused
    assert is_in_last_quarter(first_refused, max_syn_backlog)
    assert not is_in_last_quarter(first_refused - 1, max_syn_backlog)


def test_no_quarter_is_less_than_none() -> None:
    assert [first_quarters(n) for n in (-1, -2, -3, -100)] == [1, 0, 0, 0]


def test_the_power_of_two_that_holds_a_number() -> None:
    assert [_log2_roundup(n) for n in (-(2**31), -1, 0, 1, 2, 3, 4, 5)] == [0, 0, 0, 0, 1, 2, 2, 3]
