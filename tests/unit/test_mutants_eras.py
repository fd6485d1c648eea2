"""Every boundary of every field, in mainline and in the stable trees: one release too early or late shows."""

from __future__ import annotations

from functools import cache

import pytest

from listenwatch.model.backports import MAINLINE as STANDS
from listenwatch.model.backports import Backport, Span, Version
from listenwatch.model.behaviour import LINUX_7_3, Behaviour, Stored
from listenwatch.model.eras import ERAS, NoEra, behaviour_for, mainline, name
from listenwatch.model.variants import (
    NO_MPTCP,
    FastOpen,
    HashError,
    InnerHash,
    ListenerTables,
    SomaxconnRange,
    StartArgument,
    SynQueue,
)

RELEASES: list[Version] = [(2, 6, minor) for minor in range(12, 40)] + [
    (major, minor, 0)
    for major, last in ((3, 19), (4, 20), (5, 19), (6, 19), (7, 3))
    for minor in range(last + 1)
]
"""Each mainline release, also the ones nobody read, which have the era of a neighbour."""

MAINLINE: dict[str, list[tuple[str, object]]] = {
    "sys_listen": [("2.6.12", "sys_listen"), ("4.17", "__sys_listen"), ("6.11", "__sys_listen_socket")],
    "somaxconn_default": [("2.6.12", 128), ("5.4", 4096)],
    "somaxconn_per_netns": [("2.6.12", False), ("2.6.25", True)],
    "somaxconn_range": [("2.6.12", SomaxconnRange.ANY_INT), ("3.11", SomaxconnRange.UNSIGNED_SHORT), ("4.1", SomaxconnRange.NON_NEGATIVE)],
    "max_ack_backlog_bits": [("2.6.12", 16), ("4.1", 32)],
    "stored": [("2.6.12", Stored.AFTER_LISTEN_START), ("4.4", Stored.INSIDE_LISTEN_START), ("5.0", Stored.BEFORE_LISTEN_START)],
    "listen_start_argument": [("2.6.12", StartArgument.TCP_SYNQ_HSIZE), ("2.6.20", StartArgument.BACKLOG), ("5.17", StartArgument.NONE)],
    "fastopen": [("2.6.12", FastOpen.NONE), ("3.7", FastOpen.ALLOCATES), ("4.4", FastOpen.TUNES_EITHER), ("4.9", FastOpen.TUNES)],
    "ulp_without_clone_refused": [("2.6.12", False), ("6.2", True)],
    "syn_queue": [("2.6.12", SynQueue.TABLE_OF_512), ("2.6.20", SynQueue.TABLE_BY_BACKLOG), ("4.4", SynQueue.NO_TABLE)],
    "syn_queue_full_above_limit": [("2.6.12", False), ("6.13", True)],
    "syncookies_by_default": [("2.6.12", False), ("2.6.34", True)],
    "syncookies_2_is_always": [("2.6.12", False), ("3.12", True)],
    "syn_floods_counted": [("2.6.12", False), ("3.2", True)],
    "syn_drops_counted": [("2.6.12", False), ("3.8", True)],
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
"""For each field the mainline releases that changed it, as its docstring in ``behaviour`` dates them."""

STABLE: dict[str, dict[str, list[tuple[int, bool | None]]]] = {
    "ulp_without_clone_refused": {"4.14": [(178, None), (303, True)], "4.19": [(96, None), (270, True)], "5.4": [(1, None), (229, True)], "5.10": [(1, None), (223, True)], "5.15": [(25, None), (100, True)], "6.0": [(0, None)], "6.1": [(1, None), (55, True)]},
    "syn_queue_full_above_limit": {"5.4": [(1, None)], "5.10": [(224, None)], "5.15": [(136, None)], "6.1": [(56, None), (192, True)], "6.6": [(10, None), (87, True)], "6.12": [(1, None), (107, True)]},
    "full_acceptq_drops_every_syn": {"3.16": [(1, None), (81, True)], "3.18": [(1, None)], "4.4": [(177, None)], "4.9": [(1, None)]},
    "get_port_errno_passed_on": {"5.10": [(224, None)], "5.15": [(136, None)], "6.0": [(1, None)], "6.1": [(1, None), (55, True)]},
    "port_failure_returns_0": {"4.14": [(303, True), (308, False)], "4.19": [(270, True), (276, False)], "5.4": [(229, True), (235, False)], "5.10": [(163, True), (173, False)], "5.15": [(88, True), (95, False)]},
    "mptcp_checks_socket_state": {"5.15": [(136, None)], "6.1": [(1, None), (55, True)], "6.2": [(2, None)], "6.3": [(9, None)], "6.4": [(7, None)]},
    "unix_wrong_state_listens": {"6.18": [(3, None), (44, False)], "7.0": [(0, None)], "7.1": [(0, None)], "7.2": [(0, None), (12, False)]},
}
"""For each field and series the patch levels that changed it, as ``backports`` and the docstrings date them."""


@cache
def stable(major: int, minor: int) -> list[Behaviour]:
    """The releases of a series, beginning with what mainline had."""
    changing = any(f"{major}.{minor}" in told for told in STABLE.values())
    found = [behaviour_for((major, minor, p)) for p in range(320 if changing else 2)]
    return [mainline((major, minor, 0)), *found]


def changes(values: list[object]) -> list[int]:
    """Where a list goes on with another value than before; 0 for its beginning."""
    return [i for i, value in enumerate(values) if not i or value != values[i - 1]]


@pytest.mark.parametrize("field", Behaviour._fields)
def test_mainline_changes_a_field_in_these_releases_only(field: str) -> None:
    values = [getattr(mainline(version), field) for version in RELEASES]
    assert [(name(RELEASES[i]), values[i]) for i in changes(values)] == MAINLINE[field]


@pytest.mark.parametrize("field", Behaviour._fields)
def test_stable_trees_change_a_field_in_these_releases_only(field: str) -> None:
    """A value that is not mainline's counts as a change at patch level 0."""
    told = STABLE.get(field, {})
    for major, minor, patch in RELEASES:
        if major == 2:
            assert getattr(behaviour_for((2, minor, patch)), field) == getattr(
                mainline((2, minor, patch)), field
            )
            continue
        series = f"{major}.{minor}"
        values = [getattr(release, field) for release in stable(major, minor)]
        found = [(i - 1, values[i]) for i in changes(values) if i]
        assert found == told.get(series, []), series


def test_the_defaults_are_the_newest_era() -> None:
    assert ERAS[-1][1] == LINUX_7_3 == Behaviour()
    assert [era for _, era in ERAS].count(LINUX_7_3) == 1


def test_a_span_holds_from_its_first_patch_level_in_its_own_series() -> None:
    backport = Backport("any", (Span((5, 4), 3, None), Span((5, 4), 7, True), Span((5, 5), 2, False)))
    assert [backport.value_in((5, 4, p)) for p in (2, 3, 6, 7, 8)] == [STANDS, None, None, True, True]
    assert [backport.value_in((5, 5, p)) for p in (1, 2)] == [STANDS, False]
    assert backport.value_in((5, 6, 9)) == STANDS


def test_before_the_first_era_the_message_names_both() -> None:
    with pytest.raises(NoEra, match=r"^Linux 2\.6\.11 is older than 2\.6\.12$"):
        mainline((2, 6, 11))
    assert mainline((2, 6, 12)) == ERAS[0][1]
    assert mainline((99, 0, 0)) == LINUX_7_3


@pytest.mark.parametrize(
    ("version", "told"),
    [((2, 6, 0), "2.6.0"), ((3, 0, 0), "3.0"), ((3, 0, 1), "3.0.1"), ((6, 1, 192), "6.1.192")],
)
def test_a_patch_level_of_0_is_left_out_from_3_0_on(version: Version, told: str) -> None:
    assert name(version) == told
