"""The next SYN, ACK and AF_UNIX connect() at each boundary, and the sizes they are held against."""

from __future__ import annotations

from errno import EINVAL

import pytest

from listenwatch.model.behaviour import LINUX_7_3, Behaviour
from listenwatch.model.eras import LINUX_2_6_12, LINUX_2_6_20, LINUX_3_2, LINUX_3_8, LINUX_4_9
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
    TCP_SYNQ_HSIZE,
    ListenSock,
    first_quarters,
    is_in_last_quarter,
    reqsk_queue_alloc,
    syn_queue_is_full,
    syn_queue_limit,
)
from listenwatch.model.sysctl_net_core import somaxconn_of_new_netns, write_somaxconn
from listenwatch.model.variants import SomaxconnRange

OVERFLOW = ("ListenOverflows", "ListenDrops")
AT_LIMIT = LINUX_7_3._replace(syn_queue_full_above_limit=False)


def sysctls(syncookies: int = 1, max_syn_backlog: int = 1024, abort: int = 0) -> Environment:
    """The sysctls that decide on a connection."""
    return Environment(4096, max_syn_backlog, syncookies, 0, abort)


# -- sizes


def test_a_listener_has_nothing_waiting_unless_said() -> None:
    assert Listener(5) == (5, 0, 0, 0, None)
    assert Fate(Answer.SYN_ACK, QueueRule.SYN_QUEUED).counters == ()


def test_the_accept_queue() -> None:
    assert [acceptq_is_full(n, 5) for n in (4, 5, 6)] == [False, False, True]
    assert [accept_queue_capacity(n, LINUX_2_6_20) for n in (0, 65534, 65535, 65536)] == [
        1,
        65535,
        65536,
        65536,
    ]
    assert [never_full(n, LINUX_2_6_20) for n in (65534, 65535, 65536)] == [False, True, True]
    assert accept_queue_capacity(2**32, LINUX_7_3) == 2**32
    assert [never_full(n, LINUX_7_3) for n in (2**32 - 2, 2**32 - 1)] == [False, True]


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
        (2**32, 1024, 4),
        (2**32 + 100, 1024, 7),
        (0xFFFF_FFFE, -1, 32),
    ],
)
def test_the_table_by_backlog(backlog: int, max_syn_backlog: int, log: int) -> None:
    found = reqsk_queue_alloc(backlog, max_syn_backlog, LINUX_3_8)
    assert found == ListenSock(1 << log, log)


@pytest.mark.parametrize(
    ("max_syn_backlog", "log"),
    [(-1, 6), (0, 6), (1, 6), (2, 6), (64, 6), (65, 7), (128, 7), (129, 8), (1024, 10)],
)
def test_the_table_of_512(max_syn_backlog: int, log: int) -> None:
    assert reqsk_queue_alloc(9, max_syn_backlog, LINUX_2_6_12) == ListenSock(512, log)
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


# -- a SYN

NOT_FULL, FULL = Listener(5, qlen=5), Listener(5, qlen=6)
NO_ROOM = Listener(5, ack_backlog=6)


@pytest.mark.parametrize(
    ("behaviour", "listener", "syncookies", "fate"),
    [
        (LINUX_7_3, NOT_FULL, 0, Fate(Answer.SYN_ACK, QueueRule.SYN_QUEUED)),
        (LINUX_7_3, NOT_FULL, 1, Fate(Answer.SYN_ACK, QueueRule.SYN_QUEUED)),
        (LINUX_7_3, NOT_FULL, 3, Fate(Answer.SYN_ACK, QueueRule.SYN_QUEUED)),
        (
            *(LINUX_7_3, NOT_FULL, 2),
            Fate(
                Answer.COOKIE,
                QueueRule.SYN_COOKIE_ALWAYS,
                ("TCPReqQFullDoCookies", "SyncookiesSent"),
            ),
        ),
        (
            *(LINUX_7_3, FULL, 2),
            Fate(Answer.COOKIE, QueueRule.SYN_COOKIE, ("TCPReqQFullDoCookies", "SyncookiesSent")),
        ),
        (
            *(LINUX_7_3, FULL, 1),
            Fate(Answer.COOKIE, QueueRule.SYN_COOKIE, ("TCPReqQFullDoCookies", "SyncookiesSent")),
        ),
        (
            *(LINUX_7_3, FULL, 0),
            Fate(Answer.DROPPED, QueueRule.SYN_QUEUE_FULL, ("TCPReqQFullDrop", "ListenDrops")),
        ),
        (
            *(LINUX_7_3, NO_ROOM, 0),
            Fate(Answer.DROPPED, QueueRule.SYN_ACCEPT_QUEUE_FULL, OVERFLOW),
        ),
        (
            *(LINUX_7_3, NO_ROOM._replace(qlen=6), 1),
            Fate(
                Answer.DROPPED,
                QueueRule.SYN_ACCEPT_QUEUE_FULL,
                ("TCPReqQFullDoCookies", *OVERFLOW),
            ),
        ),
        (
            *(LINUX_4_9, NO_ROOM._replace(young=1), 1),
            Fate(Answer.SYN_ACK, QueueRule.SYN_QUEUED),
        ),
        (
            *(LINUX_4_9, NO_ROOM._replace(young=2), 1),
            Fate(Answer.DROPPED, QueueRule.SYN_ACCEPT_QUEUE_FULL, OVERFLOW),
        ),
        (
            *(LINUX_3_2, NO_ROOM._replace(young=2, table=ListenSock(16, 4)), 1),
            Fate(Answer.DROPPED, QueueRule.SYN_ACCEPT_QUEUE_FULL),
        ),
        (
            *(LINUX_3_2, Listener(5, qlen=16, table=ListenSock(16, 4)), 0),
            Fate(Answer.DROPPED, QueueRule.SYN_QUEUE_FULL, ("TCPReqQFullDrop",)),
        ),
        (
            *(LINUX_2_6_20, Listener(5, qlen=16, table=ListenSock(16, 4)), 1),
            Fate(Answer.COOKIE, QueueRule.SYN_COOKIE, ("SyncookiesSent",)),
        ),
    ],
)
def test_a_syn(behaviour: Behaviour, listener: Listener, syncookies: int, fate: Fate) -> None:
    assert fate_of_syn(listener, sysctls(syncookies), behaviour) == fate
    assert fate_of_syn(listener, sysctls(syncookies), behaviour, proven=True) == fate


def test_the_last_quarter_is_for_proven_peers_without_cookies() -> None:
    late = Listener(1000, qlen=769)
    dropped = Fate(Answer.DROPPED, QueueRule.SYN_LAST_QUARTER, ("ListenDrops",))
    queued = Fate(Answer.SYN_ACK, QueueRule.SYN_QUEUED)
    assert fate_of_syn(late, sysctls(0), LINUX_7_3) == dropped
    assert fate_of_syn(late, sysctls(0), LINUX_7_3, proven=True) == queued
    assert fate_of_syn(late, sysctls(1), LINUX_7_3) == queued
    assert fate_of_syn(late._replace(qlen=768), sysctls(0), LINUX_7_3) == queued
    uncounted = LINUX_7_3._replace(syn_drops_counted=False)
    assert fate_of_syn(late, sysctls(0), uncounted).counters == ()


@pytest.mark.parametrize("field", ["syn_queue_full_above_limit", "full_acceptq_drops_every_syn"])
def test_a_field_that_is_not_known_matters_only_where_its_values_differ(field: str) -> None:
    unsure = LINUX_7_3._replace(**{field: None})  # type: ignore[arg-type]
    unknown = Fate(Answer.UNKNOWN, QueueRule.SYN_UNKNOWN)
    for listener in (Listener(5), Listener(5, qlen=5), Listener(5, qlen=6), NO_ROOM):
        both = {
            fate_of_syn(listener, sysctls(), LINUX_7_3._replace(**{field: value}))  # type: ignore[arg-type]
            for value in (True, False)
        }
        expected = unknown if len(both) > 1 else both.pop()
        assert fate_of_syn(listener, sysctls(), unsure) == expected


def test_where_two_fields_are_not_known() -> None:
    unsure = LINUX_7_3._replace(
        syn_queue_full_above_limit=None, full_acceptq_drops_every_syn=None
    )
    unknown = Fate(Answer.UNKNOWN, QueueRule.SYN_UNKNOWN)
    assert fate_of_syn(Listener(5, qlen=5), sysctls(), unsure) == unknown
    assert fate_of_syn(NO_ROOM, sysctls(), unsure) == unknown
    assert fate_of_syn(Listener(5, qlen=4), sysctls(), unsure).rule is QueueRule.SYN_QUEUED
    assert fate_of_syn(Listener(5, qlen=6), sysctls(), unsure).rule is QueueRule.SYN_COOKIE


# -- a final ACK, a connect() of AF_UNIX


@pytest.mark.parametrize(
    ("waiting", "abort", "cookie", "fate"),
    [
        (5, 1, False, Fate(Answer.QUEUED, QueueRule.ACK_QUEUED)),
        (6, 0, False, Fate(Answer.IGNORED, QueueRule.ACK_OVERFLOW, OVERFLOW)),
        (6, 1, False, Fate(Answer.RESET, QueueRule.ACK_RESET, (*OVERFLOW, "EmbryonicRsts"))),
        (6, 1, True, Fate(Answer.IGNORED, QueueRule.ACK_COOKIE_OVERFLOW, OVERFLOW)),
        (5, 1, True, Fate(Answer.QUEUED, QueueRule.ACK_QUEUED)),
    ],
)
def test_a_final_ack(waiting: int, abort: int, cookie: bool, fate: Fate) -> None:
    listener, env = Listener(5, waiting), sysctls(abort=abort)
    assert fate_of_final_ack(listener, env, LINUX_7_3, cookie=cookie) == fate
    assert fate_of_final_ack(listener, env, LINUX_7_3, cookie=cookie, fastopen=True) == Fate(
        Answer.QUEUED, QueueRule.ACK_FASTOPEN
    )
    if not cookie:
        assert fate_of_final_ack(listener, env, LINUX_7_3) == fate


def test_a_unix_connect() -> None:
    def fate(waiting: int, nonblocking: bool) -> Fate:
        return fate_of_unix_connect(waiting, 5, nonblocking=nonblocking)

    assert fate(5, False) == fate(5, True) == Fate(Answer.QUEUED, QueueRule.UNIX_QUEUED)
    assert fate(6, True) == Fate(Answer.EAGAIN, QueueRule.UNIX_EAGAIN)
    assert fate(6, False) == Fate(Answer.BLOCKS, QueueRule.UNIX_BLOCKS)


# -- net.core.somaxconn


@pytest.mark.parametrize(
    ("range_", "low", "high"),
    [
        (SomaxconnRange.ANY_INT, -(2**31), 2**31 - 1),
        (SomaxconnRange.UNSIGNED_SHORT, 0, 65535),
        (SomaxconnRange.NON_NEGATIVE, 0, 2**31 - 1),
    ],
)
def test_what_somaxconn_can_hold(range_: SomaxconnRange, low: int, high: int) -> None:
    behaviour = LINUX_7_3._replace(somaxconn_range=range_)
    results = [write_somaxconn(n, behaviour) for n in (low - 1, low, high, high + 1)]
    assert results == [-EINVAL, 0, 0, -EINVAL]


def test_a_new_namespace_has_the_default_or_what_all_have() -> None:
    assert somaxconn_of_new_netns(1000, LINUX_7_3) == 4096
    assert somaxconn_of_new_netns(1000, LINUX_7_3._replace(somaxconn_per_netns=False)) == 1000
