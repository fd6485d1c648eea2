"""The accept queue's capacity, and what becomes of a SYN, in every era and at each boundary."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import Environment
from listenwatch.model.kernels import ERAS
from listenwatch.model.queue_rules import QueueRule, Response
from listenwatch.model.request_sock import (
    ListenSock,
    first_quarters,
    is_in_last_quarter,
    reqsk_queue_alloc,
    syn_queue_is_full,
    syn_queue_limit,
)
from listenwatch.model.tcp_input import (
    Listener,
    QueueResponse,
    accept_queue_capacity,
    acceptq_is_full,
    never_full,
    tcp_conn_request,
)
from tests.helpers.eras import (
    LINUX_2_6_20,
    LINUX_3_2,
    LINUX_3_8,
    LINUX_4_1,
    LINUX_4_4,
    LINUX_4_9,
    LINUX_4_10,
    LINUX_5_10,
    LINUX_7_3,
)
from tests.helpers.make import INT_MAX, behaviours, sysctls

UNSURE = LINUX_7_3.replace(syn_queue_full_above_limit=None, full_acceptq_drops_every_syn=None)
OVERFLOW = ("ListenOverflows", "ListenDrops")


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


@pytest.mark.parametrize("limit", [0, 1, 2, 5, 128])
def test_one_more_than_the_limit_waits(limit: int) -> None:
    held = admitted(lambda waiting: not acceptq_is_full(waiting, limit))
    assert held == limit + 1 == accept_queue_capacity(limit, LINUX_7_3)


def test_what_is_not_known_stays_open() -> None:
    assert syn_queue_limit(5, None, UNSURE) is None
    assert [syn_queue_is_full(qlen, 5, None, UNSURE) for qlen in (4, 5, 6)] == [False, None, True]
    assert tcp_conn_request(Listener(5, qlen=4), sysctls(), UNSURE).rule is QueueRule.SYN_QUEUED
    assert tcp_conn_request(Listener(5, qlen=5), sysctls(), UNSURE).response is Response.UNKNOWN
    assert tcp_conn_request(Listener(5, qlen=6), sysctls(), UNSURE).rule is QueueRule.SYN_COOKIE
    assert tcp_conn_request(Listener(5, 6), sysctls(), UNSURE).response is Response.UNKNOWN
    assert tcp_conn_request(Listener(5, 6, young=2), sysctls(), UNSURE).response is Response.DROPPED


@pytest.mark.parametrize(
    ("behaviour", "listener", "environment", "fate"),
    [
        (LINUX_7_3, Listener(8), sysctls(), QueueResponse(Response.SYN_ACK, QueueRule.SYN_QUEUED)),
        (
            LINUX_7_3,
            Listener(8, qlen=9),
            sysctls(),
            QueueResponse(Response.COOKIE, QueueRule.SYN_COOKIE, ("TCPReqQFullDoCookies", "SyncookiesSent")),
        ),
        (
            LINUX_7_3,
            Listener(8),
            sysctls(2),
            QueueResponse(
                Response.COOKIE,
                QueueRule.SYN_COOKIE_ALWAYS,
                ("TCPReqQFullDoCookies", "SyncookiesSent"),
            ),
        ),
        (
            LINUX_7_3,
            Listener(8, qlen=9),
            sysctls(0),
            QueueResponse(Response.DROPPED, QueueRule.SYN_QUEUE_FULL, ("TCPReqQFullDrop", "ListenDrops")),
        ),
        (
            LINUX_7_3,
            Listener(8, 9),
            sysctls(),
            QueueResponse(Response.DROPPED, QueueRule.SYN_ACCEPT_QUEUE_FULL, OVERFLOW),
        ),
        (
            LINUX_7_3,
            Listener(8, 9),
            sysctls(2),
            QueueResponse(
                Response.DROPPED,
                QueueRule.SYN_ACCEPT_QUEUE_FULL,
                ("TCPReqQFullDoCookies", *OVERFLOW),
            ),
        ),
        (
            LINUX_7_3,
            Listener(100, qlen=13),
            sysctls(0, 16),
            QueueResponse(Response.DROPPED, QueueRule.SYN_LAST_QUARTER, ("ListenDrops",)),
        ),
        (LINUX_4_4, Listener(8, 9, young=1), sysctls(), QueueResponse(Response.SYN_ACK, QueueRule.SYN_QUEUED_WHILE_FULL)),
        (
            LINUX_4_4,
            Listener(8, 9, young=2),
            sysctls(),
            QueueResponse(Response.DROPPED, QueueRule.SYN_ACCEPT_QUEUE_FULL, OVERFLOW),
        ),
        (
            LINUX_4_10,
            Listener(8, 9),
            sysctls(),
            QueueResponse(Response.DROPPED, QueueRule.SYN_ACCEPT_QUEUE_FULL, OVERFLOW),
        ),
        (
            LINUX_3_2,
            Listener(8, 9, young=2, table=ListenSock(16, 4)),
            sysctls(),
            QueueResponse(Response.DROPPED, QueueRule.SYN_ACCEPT_QUEUE_FULL),
        ),
        (
            LINUX_2_6_20,
            Listener(8, qlen=16, table=ListenSock(16, 4)),
            sysctls(0),
            QueueResponse(Response.DROPPED, QueueRule.SYN_QUEUE_FULL),
        ),
        (
            LINUX_3_8,
            Listener(8, table=ListenSock(16, 4)),
            sysctls(2),
            QueueResponse(Response.SYN_ACK, QueueRule.SYN_QUEUED),
        ),
    ],
)
def test_tcp_conn_request(
    behaviour: Behaviour, listener: Listener, environment: Environment, fate: QueueResponse
) -> None:
    assert tcp_conn_request(listener, environment, behaviour) == fate


@pytest.mark.parametrize(
    ("max_syn_backlog", "accepted"), [(16, 13), (8, 7), (4, 4), (1, 2), (0, 1), (-1, 1), (1024, 769)]
)
def test_the_last_quarter_as_measured(max_syn_backlog: int, accepted: int) -> None:
    """The numbers measured on 6.18.44 with backlog 100, and one more of the formula."""
    env = sysctls(0, max_syn_backlog)

    def accepts(qlen: int) -> bool:
        fate = tcp_conn_request(Listener(1000, qlen=qlen), env, LINUX_7_3)
        return fate.response is Response.SYN_ACK

    assert admitted(accepts) == first_quarters(max_syn_backlog) == accepted
    late = Listener(1000, qlen=accepted)
    assert is_in_last_quarter(accepted, max_syn_backlog)
    assert tcp_conn_request(late, env, LINUX_7_3, proven=True).response is Response.SYN_ACK
    assert tcp_conn_request(late, sysctls(1, max_syn_backlog), LINUX_7_3).response is Response.SYN_ACK


def test_nobody_connects_to_backlog_0_without_cookies_from_4_4_to_6_12() -> None:
    for era, answer in ((LINUX_4_4, Response.DROPPED), (LINUX_5_10, Response.DROPPED)):
        assert tcp_conn_request(Listener(0), sysctls(0), era).response is answer
    assert tcp_conn_request(Listener(0), sysctls(0), LINUX_7_3).response is Response.SYN_ACK
    table = reqsk_queue_alloc(0, 1024, LINUX_4_1)
    assert tcp_conn_request(Listener(0, table=table), sysctls(0), LINUX_4_1).response is Response.SYN_ACK


@given(listeners, environments, behaviours, st.booleans())
def test_counters_follow_the_answer(
    listener: Listener, environment: Environment, behaviour: Behaviour, proven: bool
) -> None:
    fate = tcp_conn_request(listener, environment, behaviour, proven=proven)
    assert fate.response in (Response.SYN_ACK, Response.COOKIE, Response.DROPPED)
    dropped = fate.response is Response.DROPPED
    cookie = fate.response is Response.COOKIE
    counted = (dropped and behaviour.syn_drops_counted) or (cookie and behaviour.cookies_counted_as_drops)
    assert ("ListenDrops" in fate.counters) == counted
    assert ("SyncookiesSent" in fate.counters) == cookie
    assert fate.response is not Response.SYN_ACK or not fate.counters
    assert environment.syncookies or fate.response is not Response.COOKIE
    if "TCPReqQFullDrop" in fate.counters:
        assert not environment.syncookies


@given(listeners, environments, eras)
def test_a_higher_limit_never_turns_a_syn_away(
    listener: Listener, environment: Environment, era: Behaviour
) -> None:
    higher = listener._replace(max_ack_backlog=listener.max_ack_backlog + 1)
    if tcp_conn_request(listener, environment, era).response is Response.SYN_ACK:
        assert tcp_conn_request(higher, environment, era).response is Response.SYN_ACK


def test_a_listener_has_nothing_waiting_unless_said() -> None:
    assert Listener(5) == (5, 0, 0, 0, None)
    assert QueueResponse(Response.SYN_ACK, QueueRule.SYN_QUEUED).counters == ()


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
    assert accept_queue_capacity(70000, LINUX_2_6_20) == 65536
    assert [never_full(n, LINUX_7_3) for n in (65535, 2**32 - 2, 2**32 - 1)] == [False, False, True]


NOT_FULL, FULL = Listener(5, qlen=5), Listener(5, qlen=6)
NO_ROOM = Listener(5, ack_backlog=6)


@pytest.mark.parametrize(
    ("behaviour", "listener", "syncookies", "fate"),
    [
        (LINUX_7_3, NOT_FULL, 0, QueueResponse(Response.SYN_ACK, QueueRule.SYN_QUEUED)),
        (LINUX_7_3, NOT_FULL, 1, QueueResponse(Response.SYN_ACK, QueueRule.SYN_QUEUED)),
        (LINUX_7_3, NOT_FULL, 3, QueueResponse(Response.SYN_ACK, QueueRule.SYN_QUEUED)),
        (
            *(LINUX_7_3, NOT_FULL, 2),
            QueueResponse(
                Response.COOKIE,
                QueueRule.SYN_COOKIE_ALWAYS,
                ("TCPReqQFullDoCookies", "SyncookiesSent"),
            ),
        ),
        (
            *(LINUX_7_3, FULL, 2),
            QueueResponse(Response.COOKIE, QueueRule.SYN_COOKIE, ("TCPReqQFullDoCookies", "SyncookiesSent")),
        ),
        (
            *(LINUX_7_3, FULL, 1),
            QueueResponse(Response.COOKIE, QueueRule.SYN_COOKIE, ("TCPReqQFullDoCookies", "SyncookiesSent")),
        ),
        (
            *(LINUX_7_3, FULL, 0),
            QueueResponse(Response.DROPPED, QueueRule.SYN_QUEUE_FULL, ("TCPReqQFullDrop", "ListenDrops")),
        ),
        (
            *(LINUX_7_3, NO_ROOM, 0),
            QueueResponse(Response.DROPPED, QueueRule.SYN_ACCEPT_QUEUE_FULL, OVERFLOW),
        ),
        (
            *(LINUX_7_3, NO_ROOM._replace(qlen=6), 1),
            QueueResponse(
                Response.DROPPED,
                QueueRule.SYN_ACCEPT_QUEUE_FULL,
                ("TCPReqQFullDoCookies", *OVERFLOW),
            ),
        ),
        (
            *(LINUX_4_9, NO_ROOM._replace(young=1), 1),
            QueueResponse(Response.SYN_ACK, QueueRule.SYN_QUEUED_WHILE_FULL),
        ),
        (
            *(LINUX_4_9, NO_ROOM._replace(young=2), 1),
            QueueResponse(Response.DROPPED, QueueRule.SYN_ACCEPT_QUEUE_FULL, OVERFLOW),
        ),
        (
            *(LINUX_3_2, NO_ROOM._replace(young=2, table=ListenSock(16, 4)), 1),
            QueueResponse(Response.DROPPED, QueueRule.SYN_ACCEPT_QUEUE_FULL),
        ),
        (
            *(LINUX_3_2, Listener(5, qlen=16, table=ListenSock(16, 4)), 0),
            QueueResponse(Response.DROPPED, QueueRule.SYN_QUEUE_FULL, ("TCPReqQFullDrop",)),
        ),
        (
            *(LINUX_2_6_20, Listener(5, qlen=16, table=ListenSock(16, 4)), 1),
            QueueResponse(Response.COOKIE, QueueRule.SYN_COOKIE, ("SyncookiesSent",)),
        ),
    ],
)
def test_a_syn(behaviour: Behaviour, listener: Listener, syncookies: int, fate: QueueResponse) -> None:
    assert tcp_conn_request(listener, sysctls(syncookies), behaviour) == fate
    assert tcp_conn_request(listener, sysctls(syncookies), behaviour, proven=True) == fate


def test_the_last_quarter_is_for_proven_peers_without_cookies() -> None:
    late = Listener(1000, qlen=769)
    dropped = QueueResponse(Response.DROPPED, QueueRule.SYN_LAST_QUARTER, ("ListenDrops",))
    queued = QueueResponse(Response.SYN_ACK, QueueRule.SYN_QUEUED)
    assert tcp_conn_request(late, sysctls(0), LINUX_7_3) == dropped
    assert tcp_conn_request(late, sysctls(0), LINUX_7_3, proven=True) == queued
    assert tcp_conn_request(late, sysctls(1), LINUX_7_3) == queued
    assert tcp_conn_request(late._replace(qlen=768), sysctls(0), LINUX_7_3) == queued
    uncounted = LINUX_7_3.replace(syn_drops_counted=False)
    assert tcp_conn_request(late, sysctls(0), uncounted).counters == ()


@pytest.mark.parametrize("field", ["syn_queue_full_above_limit", "full_acceptq_drops_every_syn"])
def test_a_field_that_is_not_known_matters_only_where_its_values_differ(field: str) -> None:
    unsure = LINUX_7_3.replace(**{field: None})
    unknown = QueueResponse(Response.UNKNOWN, QueueRule.SYN_UNKNOWN)
    for listener in (Listener(5), Listener(5, qlen=5), Listener(5, qlen=6), NO_ROOM):
        both = {
            tcp_conn_request(listener, sysctls(), LINUX_7_3.replace(**{field: value}))
            for value in (True, False)
        }
        expected = unknown if len(both) > 1 else both.pop()
        assert tcp_conn_request(listener, sysctls(), unsure) == expected


def test_where_two_fields_are_not_known() -> None:
    unsure = LINUX_7_3.replace(
        syn_queue_full_above_limit=None, full_acceptq_drops_every_syn=None
    )
    unknown = QueueResponse(Response.UNKNOWN, QueueRule.SYN_UNKNOWN)
    assert tcp_conn_request(Listener(5, qlen=5), sysctls(), unsure) == unknown
    assert tcp_conn_request(NO_ROOM, sysctls(), unsure) == unknown
    assert tcp_conn_request(Listener(5, qlen=4), sysctls(), unsure).rule is QueueRule.SYN_QUEUED
    assert tcp_conn_request(Listener(5, qlen=6), sysctls(), unsure).rule is QueueRule.SYN_COOKIE
