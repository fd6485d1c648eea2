"""Which kernel behaves how: the matrix of KERNEL facts, row by row, and the stable trees."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.model.backports import BACKPORTS, Version
from listenwatch.model.behaviour import LINUX_7_3, Behaviour, Stored
from listenwatch.model.eras import ERAS, LINUX_5_6, LINUX_5_10, NoEra, behaviour_for, mainline, name
from listenwatch.model.inputs import Knowledge
from listenwatch.model.rules import Rule
from listenwatch.model.variants import (
    FastOpen,
    HashError,
    InnerHash,
    ListenerTables,
    SomaxconnRange,
    StartArgument,
    SynQueue,
)
from tests.unit.make import FREE, TAKEN, TCP, TCP6, limits, outcome, outcomes

VERSIONS: list[Version] = [
    (2, 6, 18),
    (2, 6, 20),
    (2, 6, 32),
    (3, 10, 4),
    (4, 4, 0),
    (4, 19, 95),
    (5, 4, 0),
    (5, 10, 223),
    (5, 15, 0),
    (5, 17, 0),
    (6, 1, 192),
    (6, 6, 9),
    (6, 6, 87),
    (6, 12, 107),
    (6, 18, 2),
    (7, 3, 4),
]
_AFTER, _INSIDE, _BEFORE = Stored
_ANY, _SHORT, _NON_NEGATIVE = SomaxconnRange
_512, _BY_BACKLOG, _NO_TABLE = SynQueue
_PORT, _BOTH, _ADDRESS = ListenerTables
_SIZE, _BACKLOG, _NONE = StartArgument
_INLINE, _STATIC, _GLOBAL, _GONE = InnerHash
_CANNOT, _LOST, _PASSED = HashError
MATRIX: dict[str, Sequence[object]] = {
    "somaxconn_default": [128] * 6 + [4096] * 10,
    "somaxconn_per_netns": [False] * 2 + [True] * 14,
    "somaxconn_range": [_ANY] * 4 + [_NON_NEGATIVE] * 12,
    "max_ack_backlog_bits": [16] * 4 + [32] * 12,
    "stored": [_AFTER] * 4 + [_INSIDE] * 2 + [_BEFORE] * 10,
    "syn_queue": [_512] + [_BY_BACKLOG] * 3 + [_NO_TABLE] * 12,
    "syn_queue_full_above_limit": [False] * 10 + [True, False, True, True, True, True],
    "full_acceptq_drops_every_syn": [False] * 5 + [True] * 11,
    "ulp_without_clone_refused": [False] * 7 + [True, False, False] + [True] * 6,
    "get_port_errno_passed_on": [False] * 10 + [True] * 6,
    "hash_error": [_CANNOT] * 5 + [_PASSED] * 11,
    "state_tracepoint": [False] * 5 + [True] * 11,
    "bpf_listen_callback": [False] * 5 + [True] * 11,
    "listener_tables": [_PORT] * 5 + [_BOTH] * 5 + [_ADDRESS] * 6,
    "ipv4_hash": ["tcp_v4_hash"] * 2 + ["inet_hash"] * 14,
    "ipv6_hash": ["tcp_v6_hash"] * 4 + ["inet_hash"] + ["inet6_hash"] * 9 + ["inet_hash"] * 2,
    "inner_hash": [_INLINE] * 2 + [_STATIC] * 2 + [_GLOBAL] * 10 + [_GONE] * 2,
    "listen_start_argument": [_SIZE] + [_BACKLOG] * 8 + [_NONE] * 7,
}
"""KERNEL facts, section 10: a row for each field, a column for each of VERSIONS.

4.19.95 and 5.15.0 stand for the pairs of their columns; 6.1-rc7 is the mainline era of 6.1.0.
"""


@pytest.mark.parametrize("field", MATRIX)
def test_matrix(field: str) -> None:
    found = [getattr(behaviour_for(version), field) for version in VERSIONS]
    assert found == MATRIX[field]


def test_rc7_of_6_1_is_before_its_backports() -> None:
    early = behaviour_for((6, 1, 0))
    assert not early.ulp_without_clone_refused
    assert not early.get_port_errno_passed_on
    assert not early.syn_queue_full_above_limit


@pytest.mark.parametrize(
    ("field", "before", "after"),
    [
        ("somaxconn_range", (3, 10, 9), (3, 11, 0)),
        ("somaxconn_range", (4, 0, 9), (4, 1, 0)),
        ("syncookies_2_is_always", (3, 11, 9), (3, 12, 0)),
        ("syncookies_by_default", (2, 6, 32), (2, 6, 34)),
        ("syn_floods_counted", (2, 6, 37), (3, 2, 0)),
        ("syn_drops_counted", (3, 6, 9), (3, 8, 0)),
        ("wakes_lhash_wait", (2, 6, 28), (2, 6, 29)),
        ("fastopen", (3, 6, 9), (3, 8, 0)),
        ("fastopen", (4, 3, 0), (4, 4, 0)),
        ("fastopen", (4, 8, 15), (4, 9, 0)),
        ("hash_error", (4, 5, 0), (4, 6, 0)),
        ("hash_error", (4, 8, 15), (4, 9, 0)),
        ("full_acceptq_drops_every_syn", (4, 9, 0), (4, 10, 0)),
        ("sys_listen", (4, 16, 13), (4, 17, 0)),
        ("sys_listen", (6, 9, 0), (6, 11, 0)),
        ("mptcp_enters", (5, 4, 0), (5, 6, 0)),
        ("mptcp_enters", (6, 5, 0), (6, 6, 0)),
        ("mptcp_checks_socket_state", (6, 4, 0), (6, 5, 0)),
        ("unix_wrong_state_listens", (6, 14, 0), (6, 17, 0)),
    ],
)
def test_boundaries(field: str, before: Version, after: Version) -> None:
    assert getattr(behaviour_for(before), field) != getattr(behaviour_for(after), field)


def test_eras_are_in_order_and_each_changes_something_but_the_newest() -> None:
    assert all(one[0] < other[0] for one, other in pairwise(ERAS))
    assert all(one[1] != other[1] for one, other in pairwise(ERAS))
    assert mainline((7, 3, 0)) == LINUX_7_3 == Behaviour()
    assert LINUX_5_10 == LINUX_5_6 == mainline((5, 10, 0))


def test_a_kernel_before_the_first_era() -> None:
    with pytest.raises(NoEra, match=r"Linux 2\.6\.11 is older than 2\.6\.12"):
        behaviour_for((2, 6, 11))


def test_names() -> None:
    assert [name(v) for v in ((2, 6, 20), (3, 0, 0), (6, 1, 0), (6, 1, 192))] == [
        "2.6.20",
        "3.0",
        "6.1",
        "6.1.192",
    ]


@given(st.tuples(st.integers(2, 8), st.integers(0, 40), st.integers(0, 400)))
def test_every_later_version_has_a_behaviour(version: Version) -> None:
    if version >= (2, 6, 12):
        found = behaviour_for(version)
        assert found.state_tracepoint == (version >= (4, 16, 0))


def test_spans_are_in_order_and_name_fields() -> None:
    for backport in BACKPORTS:
        assert backport.field in Behaviour._fields
        spans = [(span.series, span.first) for span in backport.spans]
        assert spans == sorted(set(spans))


# -- the slip of stable trees that no longer reported a taken port


@pytest.mark.parametrize(
    ("version", "lost"),
    [
        ((4, 14, 302), False),
        ((4, 14, 303), True),
        ((4, 14, 307), True),
        ((4, 14, 308), False),
        ((4, 19, 269), False),
        ((4, 19, 275), True),
        ((4, 19, 276), False),
        ((5, 4, 229), True),
        ((5, 4, 235), False),
        ((5, 10, 162), False),
        ((5, 10, 163), True),
        ((5, 10, 173), False),
        ((5, 15, 87), False),
        ((5, 15, 88), True),
        ((5, 15, 93), True),
        ((5, 15, 95), False),
        ((6, 1, 20), False),
    ],
)
def test_port_failure_lost(version: Version, lost: bool) -> None:
    found = outcome(behaviour=behaviour_for(version), knowledge=TAKEN)
    assert (found.rule is Rule.PORT_FAILURE_LOST) == lost
    assert found.socket and found.socket.state == TCP.state
    assert (found.result == 0) == lost


# -- what the eras store where


def test_the_u16_field_wraps() -> None:
    old = behaviour_for((3, 10, 0))
    found = outcome(backlog=65536, somaxconn=100_000, behaviour=old)
    assert found.socket and found.socket.max_ack_backlog == 0


@pytest.mark.parametrize(("backlog", "stored"), [(511, 511), (-1, 65535), (-2, 65531)])
def test_a_negative_somaxconn_clamps_nothing_that_is_smaller(backlog: int, stored: int) -> None:
    old = behaviour_for((3, 10, 0))
    somaxconn = -5 if backlog == -2 else -1
    found = outcome(backlog=backlog, somaxconn=somaxconn, behaviour=old)
    assert found.socket and found.socket.max_ack_backlog == stored


def test_no_era_has_enomem_after_4_3_without_a_reuseport_group() -> None:
    for first, era in ERAS:
        known = Knowledge(refusal=0, port_free=True)
        rules = {o.rule for o in outcomes(behaviour=era, knowledge=known)}
        assert (Rule.NO_MEMORY in rules) == (first < (4, 4, 0))


def test_a_lost_hash_error_leaves_a_listener_nobody_reaches() -> None:
    era = behaviour_for((4, 7, 0))
    shared = TCP6._replace(reuseport=1)
    assert [o.rule for o in outcomes(shared, behaviour=era)] == [Rule.LISTENS, Rule.HASH_ERROR_LOST]
    over_ipv4 = TCP._replace(reuseport=1)
    assert [o.rule for o in outcomes(over_ipv4, behaviour=era)][1:] == [Rule.HASH_FAILED] * 2
    assert len(outcomes(shared, behaviour=behaviour_for((4, 5, 0)))) == 1


def test_lhash_wait_is_woken_over_ipv4_only() -> None:
    old = behaviour_for((2, 6, 28))
    woken = [[s.does for s in outcome(pre, behaviour=old).steps] for pre in (TCP, TCP6)]
    assert ["wake_up(lhash_wait)" in texts for texts in woken] == [True, False]


def test_stages_hold_0_until_the_end_up_to_4_3() -> None:
    for first, era in ERAS:
        seen = set(limits(outcome(behaviour=era, knowledge=FREE)).values())
        assert seen == {0, 511}
        last = outcome(behaviour=era).steps[-1]
        assert (last.function == "inet_listen") == (first < (5, 0, 0)), name(first)


@pytest.mark.parametrize(
    ("version", "how"),
    [((3, 6, 0), FastOpen.NONE), ((4, 3, 0), FastOpen.ALLOCATES), ((6, 1, 0), FastOpen.TUNES)],
)
def test_fastopen(version: Version, how: FastOpen) -> None:
    assert behaviour_for(version).fastopen is how
