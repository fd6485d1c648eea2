"""Which behaviour a kernel has, found out from its calls alone: recorded ones, and those of simulated kernels."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listenwatch.call.record import Flag, ListenCall
from listenwatch.conformance.harness.judging import excuse_lost
from listenwatch.conformance.identify.cases import (
    distinct,
    every_value,
    fitting,
    leaves,
    of_results,
)
from listenwatch.conformance.identify.eras import nearest
from listenwatch.conformance.identify.findings import How, Why
from listenwatch.conformance.identify.identified import Identified, identify
from listenwatch.conformance.identify.narrow import narrow
from listenwatch.conformance.run import Result
from listenwatch.linux.kernel import Kernel
from listenwatch.model.behaviour import FIELDS, NEWEST, Behaviour
from listenwatch.model.kernels import behaviour_for, mainline
from listenwatch.model.stages import StageIndex
from listenwatch.model.variants import InnerHash, SomaxconnRange, Stored
from listenwatch.verdict.compare import VerdictKind
from tests.helpers.identifying import EL7, VENDORS, cases_of, recorded, simulated
from tests.helpers.scenarios import DISAGREED
from tests.helpers.vectors import VECTORS, load, name_of

NOBODY = Kernel("nobody knows", (2, 6, 12), "x86_64", {})
"""A kernel that names nothing, and whose release is of no use."""


def by_field(identified: Identified) -> dict[str, object]:
    return {finding.field: finding.value for finding in identified.findings}


@cache
def vendor(name: str) -> Identified:
    behaviour, kernel = VENDORS[name]
    return identify(simulated(behaviour), kernel)


# -- recorded kernels, blind


@pytest.mark.parametrize("path", VECTORS, ids=name_of)
def test_a_recorded_kernel_is_found_without_its_release(path: Path) -> None:
    behaviour = behaviour_for(load(path)[0].header.kernel.version)
    identified = identify(recorded(path), NOBODY)
    assert identified.matches
    for finding in identified.findings:
        right = getattr(behaviour, finding.field)
        assert right in finding.left, finding
        assert finding.value in (None, right), finding
    decided = {finding.field for finding in identified.findings if finding.how is How.EXPERIMENT}
    assert {"max_ack_backlog_bits", "state_tracepoint", "port_failure_returns_0", "unix_wrong_state_listens"} <= decided
    if "kprobe" in path.name:
        assert {"stored", "ipv4_hash"} <= decided


def test_what_it_names_decides_where_its_calls_do_not() -> None:
    (path,) = [path for path in VECTORS if path.parent.name == "7.3"]
    kernel = load(path)[0].header.kernel
    identified = identify(recorded(path), kernel)
    fields = {finding.field: finding for finding in identified.findings}
    assert fields["inner_hash"].how is How.EVIDENCE
    assert (fields["inner_hash"].value, fields["inner_hash"].name) == (InnerHash.GONE, "__inet_hash")
    assert fields["inner_hash"].why is Why.NO_CALL
    assert fields["ulp_without_clone_refused"].how is How.UNDECIDED
    assert "ulp_without_clone_refused" in identified.behaviour.unknown
    assert identified.wrong_by_release == []


def test_what_an_attach_mode_does_not_show_is_told_from_what_nothing_shows() -> None:
    (path,) = [path for path in VECTORS if "tracepoint" in path.name]
    fields = {finding.field: finding for finding in identify(recorded(path), NOBODY).findings}
    assert fields["stored"].why is Why.NOT_SEEN
    assert set(fields["stored"].left) == {Stored.BEFORE_LISTEN_START, Stored.INSIDE_LISTEN_START}
    assert fields["hash_error"].why is Why.SAME_OUTCOME
    assert fields["listener_tables"].why is Why.NO_CALL


# -- vendors' kernels, simulated


@pytest.mark.parametrize(
    ("name", "backports", "eras"),
    [
        ("el7", {"somaxconn_range": "3.11.0", "syncookies_2_is_always": "3.12.0"}, (3, 12, 0)),
        ("el8-147", {}, (4, 17, 0)),
        ("el8-240", {"stored": "5.0.0", "bpf_listen_callback": "4.19.0"}, (5, 0, 0)),
    ],
)
def test_a_vendors_backports_are_found(name: str, backports: dict[str, str], eras: tuple[int, ...]) -> None:
    """The callback of -147 shows in no call, and its kernel has no BTF: it stays undecided."""
    behaviour, _ = VENDORS[name]
    identified = vendor(name)
    assert identified.matches
    since = {b.finding.field: ".".join(map(str, b.finding.since or ())) for b in identified.backports}
    assert since == backports
    assert [finding.field for finding in identified.wrong_by_release] == [f for f in FIELDS if f in backports]
    assert not any(backport.known for backport in identified.backports)
    assert eras in identified.nearest.eras
    for finding in identified.findings:
        assert finding.value in (None, getattr(behaviour, finding.field)), finding


def test_its_own_release_would_have_been_wrong() -> None:
    behaviour, kernel = VENDORS["el8-240"]
    cases = simulated(behaviour)
    kinds = {case.judge(vendor("el8-240").behaviour).verdict.kind for case in cases}
    assert VerdictKind.DISAGREE not in kinds
    assert any(case.judge(mainline(kernel.version)).verdict.kind is VerdictKind.DISAGREE for case in cases)


def test_what_was_not_built_is_no_backport() -> None:
    """5.10 without MPTCP: its configuration, which says nothing of its age."""
    (path,) = [path for path in VECTORS if path.parent.name == "5.10"]
    kernel = load(path)[0].header.kernel
    identified = identify(recorded(path), kernel._replace(has={**kernel.has, "mptcp_listen": False}))
    assert [finding.field for finding in identified.findings if finding.not_built] == ["mptcp_enters"]
    assert identified.wrong_by_release == []
    assert "mptcp_enters" not in {backport.finding.field for backport in identified.backports}
    assert era_of((5, 10, 0)) in identified.nearest.eras
    assert identified.behaviour.mptcp_enters == "no MPTCP"


# -- any combination, and none


@settings(max_examples=5, deadline=None, derandomize=True)
@given(st.fixed_dictionaries({name: st.sampled_from(history.values) for name, history in FIELDS.items()}))
def test_the_right_value_is_never_excluded(values: dict[str, object]) -> None:
    """Of any combination of values, also one that no kernel ever had."""
    behaviour = Behaviour().replace(**values)
    narrowed = narrow(distinct(simulated(behaviour)[::3]))
    assert not narrowed.unlike
    assert {name: value for name, value in values.items() if value not in narrowed.domains[name]} == {}


def changed(call: ListenCall, limit: int) -> ListenCall:
    """The call, with another limit wherever it stored its own."""
    own = call.post.max_ack_backlog
    stages = {
        index: stage._replace(max_ack_backlog=limit if stage.max_ack_backlog == own else stage.max_ack_backlog)
        for index, stage in call.stages.items()
    }
    return call._replace(stages=stages, post=call.post._replace(max_ack_backlog=limit))


@cache
def calls_of(series: str) -> list[ListenCall]:
    (path,) = [path for path in VECTORS if path.parent.name == series]
    return load(path)[1]


def test_a_kernel_with_one_thing_of_another_time_is_that_kernel_with_that_thing() -> None:
    """6.12 with a limit of 16 bits: documented, though not there, and named."""
    calls = [changed(call, call.post.max_ack_backlog & 0xFFFF) if call.post.seen else call for call in calls_of("6.12")]
    calls = [call for call in calls if not call.pre.subflow_state and not call.post.subflow_state]
    identified = identify(cases_of(calls), Kernel("6.12.107", (6, 12, 107), "x86_64", {}))
    assert identified.matches
    assert by_field(identified)["max_ack_backlog_bits"] == 16
    assert [finding.field for finding in identified.wrong_by_release] == ["max_ack_backlog_bits"]


@pytest.mark.parametrize("place", [0, 100, -1])
def test_a_kernel_that_is_like_none_disagrees_in_what_is_wrong_alone(place: int) -> None:
    """One call in hundreds stored one too many, wherever among them it comes."""
    shared = Flag.SHARED_TABLE | Flag.SHARED_FILE  # where others may have moved the socket
    calls = [call for call in calls_of("6.12") if call.result == 0 and call.post.seen and not call.flags & shared]
    wrong = calls[place]
    bad = wrong._replace(post=wrong.post._replace(max_ack_backlog=wrong.post.max_ack_backlog + 1))
    calls[place] = bad
    identified = identify(cases_of(calls), NOBODY)
    assert not identified.matches
    assert [judged.call for _, judged in identified.disagreeing] == [bad]
    assert by_field(identified)["stored"] is Stored.BEFORE_LISTEN_START


def test_the_first_calls_do_not_decide_against_the_rest() -> None:
    """Where the first call shows what all others contradict, it is the one that disagrees."""
    calls = [call for call in calls_of("6.1") if call.result == 0 and call.stages and StageIndex.LISTEN_START in call.stages]
    first = calls[0]
    start = first.stages[StageIndex.LISTEN_START]._replace(max_ack_backlog=0)
    odd = first._replace(stages={**first.stages, StageIndex.LISTEN_START: start})
    identified = identify(cases_of([odd, *calls[1:]]), NOBODY)
    assert not identified.matches
    assert [judged.call for _, judged in identified.disagreeing] == [odd]
    assert by_field(identified)["stored"] is Stored.BEFORE_LISTEN_START


def test_names_that_the_calls_contradict_are_no_match() -> None:
    kernel = Kernel("6.12.107", (6, 12, 107), "x86_64", {"inet6_hash": False})
    identified = identify(cases_of(calls_of("6.12")), kernel)
    assert [finding.field for finding in identified.contradicted] == ["ipv6_hash"]
    assert not identified.disagreeing
    assert not identified.matches


def test_a_call_without_a_record_disagrees_unless_it_was_lost() -> None:
    lost = Result("lost", tuple(excuse_lost(DISAGREED.calls, 1)), lost=1)
    assert not list(of_results([lost]))
    identified = identify([*simulated(VENDORS["el8-240"][0]), *of_results([DISAGREED])], NOBODY)
    assert not identified.matches
    assert [scenario for scenario, _ in identified.disagreeing] == [DISAGREED.scenario]
    assert by_field(identified) == by_field(identify(simulated(VENDORS["el8-240"][0]), NOBODY))


def test_without_a_call_nothing_is_decided() -> None:
    identified = identify([], NOBODY)
    assert not identified.matches
    assert {finding.value for finding in identified.findings} == {None}


# -- its parts


def test_a_call_is_judged_under_every_combination_that_matters_to_it() -> None:
    (case,) = cases_of([next(call for call in calls_of("6.1") if call.pre.family == 1 and call.result == 0)])
    of_case = list(leaves(case, every_value()))
    assert {tuple(leaf.values) for leaf in of_case} == {("max_ack_backlog_bits",)}
    assert [leaf.kind for leaf in of_case] == [VerdictKind.AGREE] * 2
    assert fitting(of_case) == of_case


def test_the_nearest_era_is_the_one_it_was_made_from() -> None:
    for version in ((3, 8, 0), (4, 4, 0), (6, 6, 0)):
        era = mainline(version)
        identified = identify(simulated(era), Kernel("x", version, "x86_64", {}))
        assert era_of(version) in identified.nearest.eras
        assert identified.backports == []
        assert nearest(identified.findings) == identified.nearest


def era_of(version: tuple[int, int, int]) -> tuple[int, ...]:
    from listenwatch.model.kernels import era_start

    return era_start(version)


def test_ranges_differ_where_they_end() -> None:
    assert by_field(vendor("el7"))["somaxconn_range"] is SomaxconnRange.UNSIGNED_SHORT
    assert EL7 != NEWEST
