"""What a listener's numbers mean: capacities, and the fate of SYNs and final ACKs, in every era."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.model.behaviour import LINUX_7_3, Behaviour
from listenwatch.model.eras import (
    ERAS,
    LINUX_2_6_12,
    LINUX_2_6_20,
    LINUX_3_2,
    LINUX_3_8,
    LINUX_4_1,
    LINUX_4_4,
    LINUX_4_10,
    LINUX_5_10,
)
from listenwatch.model.inputs import Environment
from listenwatch.model.queue_rules import Answer, QueueRule
from listenwatch.model.queues import (
    Fate,
    Listener,
    accept_queue_capacity,
    acceptq_is_full,
    fate_of_final_ack,
    fate_of_syn,
    fate_of_unix_connect,
    never_full,
)
from listenwatch.model.syn_queue import (
    ListenSock,
    first_quarters,
    is_in_last_quarter,
    reqsk_queue_alloc,
    syn_queue_is_full,
    syn_queue_limit,
)
from tests.unit.make import INT_MAX, behaviours

UNSURE = LINUX_7_3._replace(syn_queue_full_above_limit=None, full_acceptq_drops_every_syn=None)
OVERFLOW = ("ListenOverflows", "ListenDrops")


def sysctls(syncookies: int = 1, max_syn_backlog: int = 1024, abort: int = 0) -> Environment:
    """The sysctls that decide on a connection."""
    return Environment(4096, max_syn_backlog, syncookies, 0, abort)


eras = st.sampled_from([era for _, era in ERAS])
lengths = st.integers(0, 300) | st.integers(0, INT_MAX)
listeners = st.builds(Listener, lengths, lengths, lengths, lengths, st.none())
environments = st.builds(
    sysctls, st.sampled_from([0, 1, 2]), st.integers(-5, 5000), st.sampled_from([0, 1])
)


def admitted(accepts: Callable[[int], bool]) -> int:
    """How many are let in one after another, none leaving."""
    count = 0
    while accepts(count):
        count += 1
    return count


# -- accept queue


@pytest.mark.parametrize("limit", [0, 1, 2, 5, 128])
def test_one_more_than_the_limit_waits(limit: int) -> None:
    held = admitted(lambda waiting: not acceptq_is_full(waiting, limit))
    assert held == limit + 1 == accept_queue_capacity(limit, LINUX_7_3)


def test_a_limit_as_wide_as_the_counter_is_never_exceeded() -> None:
    assert never_full(65535, LINUX_2_6_20)
    assert not never_full(65534, LINUX_2_6_20)
    assert not never_full(65535, LINUX_7_3)
    assert never_full(2**32 - 1, LINUX_7_3)
    assert accept_queue_capacity(65534, LINUX_2_6_20) == 65535
    assert accept_queue_capacity(70000, LINUX_2_6_20) == 65536


# -- SYN queue


@pytest.mark.parametrize(
    ("backlog", "max_syn_backlog", "entries", "log"),
    [
        (0, 1024, 16, 4),
        (8, 1024, 16, 4),
        (15, 1024, 16, 4),
        (16, 1024, 32, 5),
        (127, 1024, 128, 7),
        (128, 1024, 256, 8),
        (1000, 0, 16, 4),
        (1000, -1, 1024, 10),
        (-1, 1023, 1024, 10),
        (-1, 1024, 2048, 11),
    ],
)
def test_table_by_backlog(backlog: int, max_syn_backlog: int, entries: int, log: int) -> None:
    for era in (LINUX_2_6_20, LINUX_4_1):
        assert reqsk_queue_alloc(backlog, max_syn_backlog, era) == ListenSock(entries, log)


@pytest.mark.parametrize(
    ("max_syn_backlog", "log"),
    [(-1, 6), (0, 6), (1, 6), (64, 6), (65, 7), (128, 7), (256, 8), (1000, 10), (1024, 10)],
)
def test_table_of_512(max_syn_backlog: int, log: int) -> None:
    for backlog in (0, 1, 5000):
        assert reqsk_queue_alloc(backlog, max_syn_backlog, LINUX_2_6_12) == ListenSock(512, log)


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


def test_what_is_not_known_stays_open() -> None:
    assert syn_queue_limit(5, None, UNSURE) is None
    assert [syn_queue_is_full(qlen, 5, None, UNSURE) for qlen in (4, 5, 6)] == [False, None, True]
    assert fate_of_syn(Listener(5, qlen=4), sysctls(), UNSURE).rule is QueueRule.SYN_QUEUED
    assert fate_of_syn(Listener(5, qlen=5), sysctls(), UNSURE).answer is Answer.UNKNOWN
    assert fate_of_syn(Listener(5, qlen=6), sysctls(), UNSURE).rule is QueueRule.SYN_COOKIE
    assert fate_of_syn(Listener(5, 6), sysctls(), UNSURE).answer is Answer.UNKNOWN
    assert fate_of_syn(Listener(5, 6, young=2), sysctls(), UNSURE).answer is Answer.DROPPED


# -- the next SYN


@pytest.mark.parametrize(
    ("behaviour", "listener", "environment", "fate"),
    [
        (LINUX_7_3, Listener(8), sysctls(), Fate(Answer.SYN_ACK, QueueRule.SYN_QUEUED)),
        (
            LINUX_7_3,
            Listener(8, qlen=9),
            sysctls(),
            Fate(Answer.COOKIE, QueueRule.SYN_COOKIE, ("TCPReqQFullDoCookies", "SyncookiesSent")),
        ),
        (
            LINUX_7_3,
            Listener(8),
            sysctls(2),
            Fate(
                Answer.COOKIE,
                QueueRule.SYN_COOKIE_ALWAYS,
                ("TCPReqQFullDoCookies", "SyncookiesSent"),
            ),
        ),
        (
            LINUX_7_3,
            Listener(8, qlen=9),
            sysctls(0),
            Fate(Answer.DROPPED, QueueRule.SYN_QUEUE_FULL, ("TCPReqQFullDrop", "ListenDrops")),
        ),
        (
            LINUX_7_3,
            Listener(8, 9),
            sysctls(),
            Fate(Answer.DROPPED, QueueRule.SYN_ACCEPT_QUEUE_FULL, OVERFLOW),
        ),
        (
            LINUX_7_3,
            Listener(8, 9),
            sysctls(2),
            Fate(
                Answer.DROPPED,
                QueueRule.SYN_ACCEPT_QUEUE_FULL,
                ("TCPReqQFullDoCookies", *OVERFLOW),
            ),
        ),
        (
            LINUX_7_3,
            Listener(100, qlen=13),
            sysctls(0, 16),
            Fate(Answer.DROPPED, QueueRule.SYN_LAST_QUARTER, ("ListenDrops",)),
        ),
        (LINUX_4_4, Listener(8, 9, young=1), sysctls(), Fate(Answer.SYN_ACK, QueueRule.SYN_QUEUED)),
        (
            LINUX_4_4,
            Listener(8, 9, young=2),
            sysctls(),
            Fate(Answer.DROPPED, QueueRule.SYN_ACCEPT_QUEUE_FULL, OVERFLOW),
        ),
        (
            LINUX_4_10,
            Listener(8, 9),
            sysctls(),
            Fate(Answer.DROPPED, QueueRule.SYN_ACCEPT_QUEUE_FULL, OVERFLOW),
        ),
        (
            LINUX_3_2,
            Listener(8, 9, young=2, table=ListenSock(16, 4)),
            sysctls(),
            Fate(Answer.DROPPED, QueueRule.SYN_ACCEPT_QUEUE_FULL),
        ),
        (
            LINUX_2_6_20,
            Listener(8, qlen=16, table=ListenSock(16, 4)),
            sysctls(0),
            Fate(Answer.DROPPED, QueueRule.SYN_QUEUE_FULL),
        ),
        (
            LINUX_3_8,
            Listener(8, table=ListenSock(16, 4)),
            sysctls(2),
            Fate(Answer.SYN_ACK, QueueRule.SYN_QUEUED),
        ),
    ],
)
def test_fate_of_syn(
    behaviour: Behaviour, listener: Listener, environment: Environment, fate: Fate
) -> None:
    assert fate_of_syn(listener, environment, behaviour) == fate


@pytest.mark.parametrize(
    ("max_syn_backlog", "accepted"), [(16, 13), (8, 7), (4, 4), (1, 2), (0, 1), (-1, 1), (1024, 769)]
)
def test_the_last_quarter_as_measured(max_syn_backlog: int, accepted: int) -> None:
    """The numbers measured on 6.18.44 with backlog 100, and one more of the formula."""
    env = sysctls(0, max_syn_backlog)

    def accepts(qlen: int) -> bool:
        fate = fate_of_syn(Listener(1000, qlen=qlen), env, LINUX_7_3)
        return fate.answer is Answer.SYN_ACK

    assert admitted(accepts) == first_quarters(max_syn_backlog) == accepted
    late = Listener(1000, qlen=accepted)
    assert is_in_last_quarter(accepted, max_syn_backlog)
    assert fate_of_syn(late, env, LINUX_7_3, proven=True).answer is Answer.SYN_ACK
    assert fate_of_syn(late, sysctls(1, max_syn_backlog), LINUX_7_3).answer is Answer.SYN_ACK


def test_nobody_connects_to_backlog_0_without_cookies_from_4_4_to_6_12() -> None:
    for era, answer in ((LINUX_4_4, Answer.DROPPED), (LINUX_5_10, Answer.DROPPED)):
        assert fate_of_syn(Listener(0), sysctls(0), era).answer is answer
    assert fate_of_syn(Listener(0), sysctls(0), LINUX_7_3).answer is Answer.SYN_ACK
    table = reqsk_queue_alloc(0, 1024, LINUX_4_1)
    assert fate_of_syn(Listener(0, table=table), sysctls(0), LINUX_4_1).answer is Answer.SYN_ACK


@given(listeners, environments, behaviours, st.booleans())
def test_counters_follow_the_answer(
    listener: Listener, environment: Environment, behaviour: Behaviour, proven: bool
) -> None:
    fate = fate_of_syn(listener, environment, behaviour, proven=proven)
    assert fate.answer in (Answer.SYN_ACK, Answer.COOKIE, Answer.DROPPED)
    dropped = fate.answer is Answer.DROPPED
    assert ("ListenDrops" in fate.counters) == (dropped and behaviour.syn_drops_counted)
    assert ("SyncookiesSent" in fate.counters) == (fate.answer is Answer.COOKIE)
    assert fate.answer is not Answer.SYN_ACK or not fate.counters
    assert environment.syncookies or fate.answer is not Answer.COOKIE
    if "TCPReqQFullDrop" in fate.counters:
        assert not environment.syncookies


@given(listeners, environments, eras)
def test_a_higher_limit_never_turns_a_syn_away(
    listener: Listener, environment: Environment, era: Behaviour
) -> None:
    higher = listener._replace(max_ack_backlog=listener.max_ack_backlog + 1)
    if fate_of_syn(listener, environment, era).answer is Answer.SYN_ACK:
        assert fate_of_syn(higher, environment, era).answer is Answer.SYN_ACK


# -- the final ACK, and AF_UNIX


@given(eras)
def test_fate_of_final_ack(era: Behaviour) -> None:
    full, free = Listener(1, 2), Listener(1, 1)
    env, abort = sysctls(), sysctls(abort=1)
    assert fate_of_final_ack(free, abort, era) == Fate(Answer.QUEUED, QueueRule.ACK_QUEUED)
    assert fate_of_final_ack(full, env, era) == Fate(Answer.IGNORED, QueueRule.ACK_OVERFLOW, OVERFLOW)
    assert fate_of_final_ack(full, abort, era) == Fate(
        Answer.RESET, QueueRule.ACK_RESET, (*OVERFLOW, "EmbryonicRsts")
    )
    assert fate_of_final_ack(full, abort, era, cookie=True) == Fate(
        Answer.IGNORED, QueueRule.ACK_COOKIE_OVERFLOW, OVERFLOW
    )
    assert fate_of_final_ack(full, abort, era, fastopen=True) == Fate(
        Answer.QUEUED, QueueRule.ACK_FASTOPEN
    )


@pytest.mark.parametrize(("limit", "held"), [(0, 1), (1, 2), (3, 4)])
def test_unix_holds_one_more_as_measured(limit: int, held: int) -> None:
    def accepts(waiting: int) -> bool:
        fate = fate_of_unix_connect(waiting, limit, nonblocking=True)
        return fate.answer is Answer.QUEUED

    assert admitted(accepts) == held
    assert fate_of_unix_connect(held, limit, nonblocking=True).answer is Answer.EAGAIN
    assert fate_of_unix_connect(held, limit, nonblocking=False).answer is Answer.BLOCKS
    assert not fate_of_unix_connect(held, limit, nonblocking=True).counters


def test_every_queue_rule_is_cited() -> None:
    for rule in QueueRule:
        assert rule.text and ".c" in rule.source
