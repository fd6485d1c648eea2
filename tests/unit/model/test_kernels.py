"""Which kernel behaves how: every boundary of every field in mainline and in the stable trees, and what an era stores where."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.model.behaviour import FIELDS, Behaviour, unknown_fields
from listenwatch.model.history import Version
from listenwatch.model.inputs import Knowledge
from listenwatch.model.kernels import (
    ERAS,
    NoEra,
    behaviour_for,
    era_start,
    mainline,
    name,
    vendor_behaviour,
)
from listenwatch.model.rules import Rule
from listenwatch.model.steps import Action
from listenwatch.model.variants import (
    NO_MPTCP,
    FastOpen,
    HashError,
    InnerHash,
    ListenerTables,
    SomaxconnRange,
    StartArgument,
    Stored,
    SynQueue,
)
from tests.helpers.eras import LINUX_5_6, LINUX_5_10, LINUX_7_3
from tests.helpers.make import FREE, TAKEN, TCP, TCP6, limits, outcome, outcomes

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
    found = [behaviour_for(version).values()[field] for version in VERSIONS]
    assert found == MATRIX[field]


def test_rc7_of_6_1_is_before_its_backports() -> None:
    early = behaviour_for((6, 1, 0))
    assert not early.unknown
    assert not early.ulp_without_clone_refused
    assert not early.get_port_errno_passed_on
    assert not early.syn_queue_full_above_limit


def test_eras_are_in_order_and_each_changes_something_but_the_newest() -> None:
    assert all(one[0] < other[0] for one, other in pairwise(ERAS))
    assert all(one[1] != other[1] for one, other in pairwise(ERAS))
    assert mainline((7, 3, 0)) == LINUX_7_3 == Behaviour()
    assert LINUX_5_10 == LINUX_5_6 == mainline((5, 10, 0))


@given(st.tuples(st.integers(2, 8), st.integers(0, 40), st.integers(0, 400)))
def test_every_later_version_has_a_behaviour(version: Version) -> None:
    if version >= (2, 6, 12):
        found = behaviour_for(version)
        assert found.state_tracepoint == (version >= (4, 16, 0))


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
    woken = [[s.action for s in outcome(pre, behaviour=old).steps] for pre in (TCP, TCP6)]
    assert [Action.WAKES_LHASH_WAIT in texts for texts in woken] == [True, False]


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


RELEASES: list[Version] = [
    *((2, 6, minor) for minor in range(12, 40)),
    *((major, minor, 0) for major, last in ((3, 19), (4, 20), (5, 19), (6, 19), (7, 3)) for minor in range(last + 1)),
]
"""Each mainline release, also the ones nobody read, which have the era of a neighbour."""
MAINLINE: dict[str, list[tuple[str, object]]] = {
    "sys_listen": [("2.6.12", "sys_listen"), ("4.17", "__sys_listen"), ("6.11", "__sys_listen_socket")],
    "inet_listen_sk": [("2.6.12", "inet_listen"), ("6.6", "__inet_listen_sk")],
    "somaxconn_default": [("2.6.12", 128), ("5.4", 4096)],
    "somaxconn_per_netns": [("2.6.12", False), ("2.6.25", True)],
    "somaxconn_range": [("2.6.12", SomaxconnRange.ANY_INT), ("3.11", SomaxconnRange.UNSIGNED_SHORT), ("4.1", SomaxconnRange.NON_NEGATIVE)],
    "max_ack_backlog_bits": [("2.6.12", 16), ("4.1", 32)],
    "stored": [("2.6.12", Stored.AFTER_LISTEN_START), ("4.4", Stored.INSIDE_LISTEN_START), ("5.0", Stored.BEFORE_LISTEN_START)],
    "listen_start": [("2.6.12", "tcp_listen_start"), ("2.6.14", "inet_csk_listen_start")],
    "listen_start_argument": [("2.6.12", StartArgument.NONE), ("2.6.14", StartArgument.TCP_SYNQ_HSIZE), ("2.6.20", StartArgument.BACKLOG), ("5.17", StartArgument.NONE)],
    "fastopen": [("2.6.12", FastOpen.NONE), ("3.7", FastOpen.ALLOCATES), ("4.4", FastOpen.TUNES_EITHER), ("4.9", FastOpen.TUNES)],
    "ulp_without_clone_refused": [("2.6.12", False), ("6.2", True)],
    "syn_queue": [("2.6.12", SynQueue.TABLE_OF_512), ("2.6.20", SynQueue.TABLE_BY_BACKLOG), ("4.4", SynQueue.NO_TABLE)],
    "syn_queue_full_above_limit": [("2.6.12", False), ("6.13", True)],
    "syncookies_by_default": [("2.6.12", False), ("2.6.34", True)],
    "syncookies_2_is_always": [("2.6.12", False), ("3.12", True)],
    "syn_floods_counted": [("2.6.12", False), ("3.2", True)],
    "conn_request": [("2.6.12", "tcp_v4_conn_request"), ("3.17", "tcp_conn_request")],
    "syn_drops_counted": [("2.6.12", False), ("3.8", True)],
    "cookies_counted_as_drops": [("2.6.12", False), ("3.8", True), ("4.7", False)],
    "full_acceptq_drops_every_syn": [("2.6.12", False), ("4.10", True)],
    "state_tracepoint": [("2.6.12", False), ("4.16", True)],
    "get_port_errno_passed_on": [("2.6.12", False), ("6.2", True)],
    "port_failure_returns_0": [("2.6.12", False)],
    "hash_error": [("2.6.12", HashError.CANNOT_FAIL), ("4.6", HashError.LOST_OVER_IPV6), ("4.9", HashError.PASSED_ON)],
    "ipv4_hash": [("2.6.12", "tcp_v4_hash"), ("2.6.25", "inet_hash")],
    "ipv6_hash": [("2.6.12", "tcp_v6_hash"), ("4.1", "inet_hash"), ("4.6", "inet6_hash"), ("6.18", "inet_hash")],
    "inner_hash": [("2.6.12", InnerHash.INLINE), ("2.6.25", InnerHash.STATIC), ("4.1", InnerHash.GLOBAL), ("6.18", InnerHash.GONE)],
    "listener_tables": [("2.6.12", ListenerTables.PORT), ("4.16", ListenerTables.PORT_AND_ADDRESS), ("5.19", ListenerTables.ADDRESS)],
    "wakes_lhash_wait": [("2.6.12", True), ("2.6.29", False)],
    "bpf_listen_callback": [("2.6.12", False), ("4.19", True)],
    "mptcp_enters": [("2.6.12", NO_MPTCP), ("5.6", "inet_listen"), ("6.6", "__inet_listen_sk")],
    "mptcp_checks_socket_state": [("2.6.12", False), ("6.5", True)],
    "unix_wrong_state_listens": [("2.6.12", False), ("6.16", True), ("7.2", False)],
}
"""For each field the mainline releases that changed it, as its declaration dates them."""
STABLE: dict[str, dict[str, list[tuple[int, object]]]] = {
    "somaxconn_range": {"3.0": [(96, _SHORT)], "3.2": [(42, None), (53, _SHORT)], "3.4": [(62, _SHORT)], "3.10": [(12, _SHORT)]},
    "ulp_without_clone_refused": {"4.14": [(303, True)], "4.19": [(270, True)], "5.4": [(229, True)], "5.10": [(163, True)], "5.15": [(88, True)], "6.0": [(19, True)], "6.1": [(5, True)]},
    "syn_queue_full_above_limit": {"5.4": [(290, True)], "5.10": [(234, True)], "5.15": [(177, True)], "6.1": [(125, True)], "6.6": [(72, True)], "6.12": [(10, True)]},
    "full_acceptq_drops_every_syn": {"3.16": [(81, True)], "3.18": [(1, None)], "4.4": [(178, True)], "4.9": [(166, True)]},
    "get_port_errno_passed_on": {"5.10": [(263, None)], "5.15": [(136, None)], "6.0": [(16, True)], "6.1": [(2, True)]},
    "port_failure_returns_0": {"4.14": [(303, True), (308, False)], "4.19": [(270, True), (276, False)], "5.4": [(229, True), (235, False)], "5.10": [(163, True), (173, False)], "5.15": [(88, True), (95, False)]},
    "mptcp_checks_socket_state": {"5.15": [(136, None)], "6.1": [(43, True)], "6.3": [(13, None)], "6.4": [(5, True)]},
    "unix_wrong_state_listens": {"6.18": [(44, False)], "7.0": [(13, None)], "7.1": [(8, False)]},
}
"""For each field and series the patch levels that changed it, as its declaration dates them."""


@cache
def stable(major: int, minor: int) -> list[Behaviour]:
    """The releases of a series, beginning with what mainline had."""
    changing = any(f"{major}.{minor}" in told for told in STABLE.values())
    found = [behaviour_for((major, minor, p)) for p in range(320 if changing else 2)]
    return [mainline((major, minor, 0)), *found]


def changes(values: list[object]) -> list[int]:
    """Where a list goes on with another value than before; 0 for its beginning."""
    return [i for i, value in enumerate(values) if not i or value != values[i - 1]]


@pytest.mark.parametrize("field", FIELDS)
def test_mainline_changes_a_field_in_these_releases_only(field: str) -> None:
    values = [mainline(version).values()[field] for version in RELEASES]
    assert [(name(RELEASES[i]), values[i]) for i in changes(values)] == MAINLINE[field]


@pytest.mark.parametrize("field", FIELDS)
def test_stable_trees_change_a_field_in_these_releases_only(field: str) -> None:
    """A value that is not mainline's counts as a change at patch level 0."""
    told = STABLE.get(field, {})
    for major, minor, patch in RELEASES:
        if major == 2:
            version = (2, minor, patch)
            assert behaviour_for(version).values()[field] == mainline(version).values()[field]
            continue
        series = f"{major}.{minor}"
        values = [release.values()[field] for release in stable(major, minor)]
        found = [(i - 1, values[i]) for i in changes(values) if i]
        assert found == told.get(series, []), series


@pytest.mark.parametrize(
    ("version", "value"),
    [
        *(((2, 6, 32), _ANY), ((2, 6, 32, 9), _ANY), ((2, 6, 32, 10), None), ((2, 6, 32, 61), None)),
        *(((2, 6, 32, 62), _SHORT), ((2, 6, 32, 69), _SHORT), ((2, 6, 33), _ANY), ((2, 6, 34, 14), _ANY)),
        *(((2, 6, 34, 15), None), ((2, 6, 39, 4), _ANY), ((3, 9, 11), _ANY), ((3, 10, 17), _SHORT)),
    ],
)
def test_the_range_of_somaxconn_in_longterm_trees(version: Version, value: SomaxconnRange | None) -> None:
    assert behaviour_for(version).values()["somaxconn_range"] is value


def test_one_hunk_brought_the_refusal_of_a_ulp_and_the_lost_port_failure() -> None:
    """It took the errno of get_port() for one that was passed on: what it was only where that was there before."""
    refused, lost, passed_on = (
        FIELDS[field].stable
        for field in ("ulp_without_clone_refused", "port_failure_returns_0", "get_port_errno_passed_on")
    )
    for series, ((first, value),) in ((series, spans.items()) for series, spans in refused.items()):
        assert value
        if next(iter(lost.get(series, {}).items()), None) != (first, True):
            assert FIELDS["get_port_errno_passed_on"].released((*series, first)) is True
            assert series in passed_on
    assert lost.keys() <= refused.keys()


def test_a_boundary_that_was_not_found_is_told_as_seen() -> None:
    history = FIELDS["somaxconn_range"]
    assert [tuple(backport) for backport in history.backports((3, 2))] == [(42, None, True), (53, _SHORT, False)]
    assert [tuple(backport) for backport in history.backports((3, 10))] == [(12, _SHORT, True)]
    assert history.backports((3, 11)) == []


def test_the_defaults_are_the_newest_era() -> None:
    assert ERAS[-1][1] == LINUX_7_3 == Behaviour()
    assert [era for _, era in ERAS].count(LINUX_7_3) == 1


def test_before_the_first_era_the_message_names_both() -> None:
    with pytest.raises(NoEra, match=r"^Linux 2\.6\.11 is older than 2\.6\.12$"):
        mainline((2, 6, 11))
    with pytest.raises(NoEra, match=r"^Linux 2\.6\.11 is older than 2\.6\.12$"):
        behaviour_for((2, 6, 11))
    assert mainline((2, 6, 12)) == ERAS[0][1]
    assert mainline((99, 0, 0)) == LINUX_7_3


@pytest.mark.parametrize(
    ("version", "told"),
    [
        *(((2, 6, 0), "2.6.0"), ((2, 6, 20), "2.6.20"), ((3, 0, 0), "3.0"), ((3, 0, 1), "3.0.1")),
        *(((2, 6, 32, 69), "2.6.32.69"), ((2, 6, 32), "2.6.32")),
        *(((6, 1, 0), "6.1"), ((6, 1, 192), "6.1.192")),
    ],
)
def test_a_patch_level_of_0_is_left_out_from_3_0_on(version: Version, told: str) -> None:
    assert name(version) == told


@pytest.mark.parametrize(
    ("version", "start"),
    [
        *(((2, 6, 12), (2, 6, 12)), ((5, 14, 0), (5, 6, 0)), ((5, 17, 0), (5, 17, 0))),
        *(((5, 17, 3), (5, 17, 0)), ((99, 0, 0), ERAS[-1][0])),
    ],
)
def test_where_an_era_begins(version: Version, start: Version) -> None:
    assert era_start(version) == start


def test_of_a_vendors_kernel_nothing_is_known_that_changed_later() -> None:
    """5.14, as a vendor may have changed it: what mainline had then, or nothing."""
    base, vendor = mainline((5, 14, 0)), vendor_behaviour((5, 14, 0))
    for field, history in FIELDS.items():
        known = not history.changed_after((5, 14, 0))
        assert vendor.values()[field] == (base.values()[field] if known else None)
    assert unknown_fields(vendor) == [field for field in FIELDS if vendor.values()[field] is None]
    assert {"ulp_without_clone_refused", "ipv6_hash", "unix_wrong_state_listens"} <= set(unknown_fields(vendor))
    assert unknown_fields(base) == unknown_fields(vendor_behaviour((99, 0, 0))) == []
