"""Scenarios without a kernel: the catalogue, which record belongs to which call, and what contradicts."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from listenwatch.call.record import ListenCall
from listenwatch.commands.behaviour_option import override
from listenwatch.conformance.harness.catalogue import all_scenarios, choose
from listenwatch.conformance.harness.journal import Issued, Reading, Report, read_report
from listenwatch.conformance.harness.judging import excuse_lost, judge_pair
from listenwatch.conformance.harness.needs import CHECKS, COMPAT_SEEN, KPROBES
from listenwatch.conformance.harness.pairing import pair
from listenwatch.conformance.harness.registry import Scenario
from listenwatch.conformance.harness.testbed import refusal_unasked
from listenwatch.conformance.run import Result
from listenwatch.errors import UsageError
from listenwatch.linux.text_width import width_of_text
from listenwatch.model.behaviour import FIELDS
from listenwatch.model.inputs import EntryPath, TcpState
from listenwatch.model.variants import Stored
from listenwatch.report.behaviour import describe
from listenwatch.report.columns import WIDTH
from listenwatch.report.judged import judged_reason
from listenwatch.report.runs.table import report
from listenwatch.verdict.compare import VerdictKind
from tests.helpers import make
from tests.helpers.eras import LINUX_7_3
from tests.helpers.scenarios import (
    AGREED,
    DISAGREED,
    FAILED,
    SKIPPED,
    Pipe,
    issued,
    record,
    scenario_run,
)

# -- the catalogue


def test_the_catalogue_holds_what_was_promised() -> None:
    names = [s.name for s in all_scenarios()]
    assert len(names) >= 60
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("scenario_", all_scenarios(), ids=lambda scenario_: scenario_.name)
def test_a_scenario_is_well_named(scenario_: Scenario) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]{1,25}", scenario_.name), "the table gives a name 26 columns"
    assert len(scenario_.summary) > 8
    assert set(scenario_.needs) <= {*CHECKS, COMPAT_SEEN, KPROBES}


def test_choosing() -> None:
    assert choose() == all_scenarios()
    assert {s.name for s in choose("relisten-ipv4")} == {"relisten-ipv4"}
    assert {s.name for s in choose("backlog-0-*")} == {
        "backlog-0-ipv4",
        "backlog-0-ipv6",
        "backlog-0-mptcp",
        "backlog-0-unix",
    }
    with pytest.raises(UsageError, match="no scenario matches 'nonsense'"):
        choose("nonsense")


# -- pairing


def test_calls_are_paired_in_order_within_each_thread() -> None:
    made = [issued(7, 1), issued(8, 2), issued(7, 3)]
    seen = [record(8, 2), record(7, 1), record(7, 3)]
    pairs = [(i and i.backlog, c and c.backlog) for i, c in pair(made, seen)]
    assert pairs == [(1, 1), (3, 3), (2, 2)]


def test_threads_are_matched_by_rank_across_pid_namespaces() -> None:
    made = [issued(7, 1), issued(8, 2)]
    seen = [record(4008, 2), record(4007, 1)]
    assert [(i and i.backlog, c and c.backlog) for i, c in pair(made, seen)] == [(1, 1), (2, 2)]


def test_a_call_without_a_record_and_a_record_without_a_call_stand_alone() -> None:
    assert list(pair([issued()], [])) == [(issued(), None)]
    assert list(pair([], [record()])) == [(None, record())]
    assert list(pair([issued(7)], [record(7), record(9)])) == [
        (issued(7), record(7)),
        (None, record(9)),
    ]


def test_a_missing_record_does_not_shift_the_others() -> None:
    made = [issued(backlog=number) for number in (1, 2, 3)]
    seen = [record(backlog=number) for number in (1, 3)]
    pairs = [(i and i.backlog, c and c.backlog) for i, c in pair(made, seen)]
    assert pairs == [(1, 1), (2, None), (3, 3)]


# -- judging


def test_everything_alike_agrees() -> None:
    assert judge_pair((issued(), record()), LINUX_7_3).verdict.kind is VerdictKind.AGREE


@pytest.mark.parametrize(
    ("made", "seen", "said"),
    [
        (issued(), None, "has no record"),
        (None, record(), "where the scenario made nothing"),
        (issued(backlog=6), record(backlog=5), r"made listen\(3, 6\)"),
        (issued(fd=4), record(fd=3), r"made listen\(4, 5\)"),
        (issued()._replace(entry_path=EntryPath.IO_URING), record(), "by syscall"),
        (issued()._replace(error=22), record(), "result against libc: the probe saw 0, .* EINVAL"),
    ],
)
def test_a_contradiction_disagrees(made: Issued, seen: ListenCall, said: str) -> None:
    judged = judge_pair((made, seen), LINUX_7_3)
    assert judged.verdict.kind is VerdictKind.DISAGREE
    assert re.search(said, judged_reason(judged)), judged_reason(judged)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("state", None, "no such listener"),
        ("state", TcpState.CLOSE, "state against sock_diag"),
        ("diag_max_ack_backlog", 6, "max_ack_backlog against sock_diag: the probe saw 5"),
        ("diag_ack_backlog", -1, "ack_backlog against sock_diag"),
        ("info_max_ack_backlog", 6, "max_ack_backlog against TCP_INFO"),
        ("info_ack_backlog", -1, "ack_backlog against TCP_INFO"),
        ("proc_listens", False, "state against /proc: the probe saw LISTEN, the other witness no such"),
        ("proc_ack_backlog", -1, "ack_backlog against /proc"),
    ],
)
def test_the_second_witness_is_heard(field: str, value: Any, said: str) -> None:
    reading = issued().reading
    assert reading is not None
    reported = issued()._replace(reading=reading._replace(**{field: value}))
    judged = judge_pair((reported, record()), LINUX_7_3)
    assert judged.verdict.kind is VerdictKind.DISAGREE
    assert said in judged_reason(judged)


def test_a_connection_may_arrive_before_the_second_witness_looks() -> None:
    reading = issued().reading
    assert reading is not None
    reported = issued()._replace(reading=reading._replace(diag_ack_backlog=1, info_ack_backlog=1))
    assert judge_pair((reported, record()), LINUX_7_3).verdict.kind is VerdictKind.AGREE


@pytest.mark.parametrize(
    ("read", "kind"), [(TcpState.CLOSE, VerdictKind.AGREE), (TcpState.LISTEN, VerdictKind.DISAGREE)]
)
def test_the_peer_may_move_a_connection_before_the_second_witness_looks(read: TcpState, kind: VerdictKind) -> None:
    """listen() on a connected AF_UNIX socket returns 0 on some kernels, and leaves it connected."""
    ignores = LINUX_7_3.replace(unix_wrong_state_listens=True)
    pre = make.UNIX._replace(state=TcpState.ESTABLISHED)
    seen = make.observe(make.request(5), pre, make.environment(), make.outcome(pre, 5, behaviour=ignores))
    reported = issued()._replace(reading=Reading(read))
    assert judge_pair((reported, seen._replace(tid=1)), ignores).verdict.kind is kind


def test_the_model_is_heard_too() -> None:
    """A wrong model cannot hide behind two witnesses that agree."""
    wrong = LINUX_7_3.replace(stored=Stored.AFTER_LISTEN_START)
    judged = judge_pair((issued(), record()), wrong)
    assert judged.verdict.kind is VerdictKind.DISAGREE
    assert "predicted 0, observed 5" in judged_reason(judged)


def test_only_what_the_probe_counted_as_lost_is_excused() -> None:
    missing = judge_pair((issued(), None), LINUX_7_3)
    good = judge_pair((issued(), record()), LINUX_7_3)
    excused = list(excuse_lost([missing, good, missing], 1))
    kinds = [judged.verdict.kind for judged in excused]
    assert "and has no record; the probe lost the record of this call" in judged_reason(excused[0])
    assert kinds == [VerdictKind.INCONCLUSIVE, VerdictKind.AGREE, VerdictKind.DISAGREE]


def test_a_record_without_a_call_tells_nothing_where_others_were_lost() -> None:
    stray = judge_pair((None, record()), LINUX_7_3)
    assert stray.verdict.kind is VerdictKind.DISAGREE
    assert [j.verdict.kind for j in excuse_lost([stray], 0)] == [VerdictKind.DISAGREE]
    assert [j.verdict.kind for j in excuse_lost([stray], 1)] == [VerdictKind.INCONCLUSIVE]


# -- the journal


def test_the_journal_brings_everything_across(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = Pipe()
    journal = pipe.journal(monkeypatch)
    journal.issued(issued())
    journal.issued(Issued(2, -1, None, 98, EntryPath.KERNEL, None, -13))
    journal.end()
    calls = (issued(), Issued(2, -1, None, 98, EntryPath.KERNEL, None, -13))
    assert read_report(pipe) == Report(calls, ended=True)


def test_a_journal_that_was_cut_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = Pipe()
    journal = pipe.journal(monkeypatch)
    journal.issued(issued())
    journal.end()
    assert read_report([pipe[0], pipe[1][:4]]) == Report((issued(),), ended=False)
    journal.error("Traceback")
    assert read_report(pipe[2:]) == Report(error="Traceback")


# -- the outcome of a run


@pytest.mark.parametrize(
    ("results", "lost", "status"),
    [
        ((AGREED, SKIPPED), 0, 0),
        ((AGREED, DISAGREED, FAILED), 0, 1),
        ((AGREED, FAILED), 0, 4),
        ((AGREED,), 1, 4),
        ((SKIPPED,), 0, 4),
        ((), 0, 4),
    ],
)
def test_exit_status(results: tuple[Result, ...], lost: int, status: int) -> None:
    assert scenario_run(*results, lost=lost).exit_status() == status


def test_the_words_of_the_verdict_column() -> None:
    assert [r.word for r in (AGREED, DISAGREED, SKIPPED, FAILED, Result("none"))] == [
        "AGREE",
        "DISAGREE",
        "SKIP",
        "ERROR",
        "ERROR",
    ]


def test_rules_are_counted_from_the_calls_that_agreed() -> None:
    tally = scenario_run(AGREED, DISAGREED).tally
    rules, backlog_rules = tally.rules, tally.backlog_rules
    assert rules["listens"] == 1
    assert rules["ulp-refused"] == 0
    assert "none" not in rules
    assert backlog_rules["kept"] == 1


@pytest.mark.parametrize("verbose", [False, True])
def test_the_table_says_all_and_fits(verbose: bool) -> None:
    many = AGREED._replace(scenario="n" * 26, calls=AGREED.calls * 64)
    text = report([scenario_run(AGREED, DISAGREED, SKIPPED, FAILED, many)], verbose=verbose)
    assert all(len(line) <= WIDTH for line in text.splitlines())
    rows = {name for name in ("good", "bad", "failed", "skipped", many.scenario) if f"\n{name} " in text}
    assert rows == ({"good", "bad", "failed", "skipped", many.scenario} if verbose else {"bad", "failed"})
    assert "bad, call 1: DISAGREE: listen(3, 5) returned 0 and has no record" in text
    assert "    ValueError: broken" in text
    assert ("Skipped 1: needs TLS: no such module" if verbose else "Skipped (-v says why): 1 needs TLS") in text
    assert "5 (3 agree" not in text
    assert "Scenarios: 5 (2 agree, 1 disagree, 1 failed by themselves, 1 skipped)" in text
    assert "66 agree, 1 disagree, 0 inconclusive, 0 unmodelled, 0 lost" in text


HEADS = ("scenario", "calls", "asked", "somaxconn", "predicted", "observed", "verdict")


@pytest.mark.parametrize(
    ("width", "left_out"),
    [(60, {"calls", "asked", "somaxconn"}), (70, {"somaxconn"}), (80, set()), (100, set()), (200, set()), (None, set())],
)
def test_no_line_of_it_is_wider_than_the_terminal(width: int | None, left_out: set[str]) -> None:
    many = AGREED._replace(scenario="n" * 26, calls=AGREED.calls * 64)
    run = scenario_run(AGREED, DISAGREED, SKIPPED, FAILED, many)
    for colour, verbose in product((False, True), (False, True)):
        lines = report([run], width=width, colour=colour, verbose=verbose).split("\n")
        assert max(map(width_of_text, lines)) <= min(width or WIDTH, WIDTH)
        head = next(line for line in lines if line.startswith("scenario "))
        assert not verbose or head.split() == [name for name in HEADS if name not in left_out]
        assert ("\x1b[31mDISAGREE\x1b[0m" in "\n".join(lines)) is colour
        assert not verbose or any(line.startswith("n" * 26) for line in lines)


# -- a Behaviour changed on purpose


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ("max_ack_backlog_bits=16", "max_ack_backlog_bits", 16),
        ("stored=after_listen_start", "stored", Stored.AFTER_LISTEN_START),
        ("ulp_without_clone_refused=false", "ulp_without_clone_refused", False),
        ("unix_wrong_state_listens=unknown", "unix_wrong_state_listens", None),
        ("ipv6_hash=inet6_hash", "ipv6_hash", "inet6_hash"),
        ("mptcp_enters=inet_listen", "mptcp_enters", "inet_listen"),
    ],
)
def test_every_field_can_be_changed(change: str, field: str, value: object) -> None:
    changed = override(LINUX_7_3, [change])
    assert changed.values()[field] == value
    different = [f for f in FIELDS if changed.values()[f] != LINUX_7_3.values()[f]]
    assert different == [field]
    assert f"{field}=" in describe(changed, [change])
    assert describe(changed, [change]).count("(changed on purpose)") == 1


@pytest.mark.parametrize(
    "change", ["nonsense=1", "stored=never", "max_ack_backlog_bits=", "ipv6_hash=x", "stored"]
)
def test_a_change_that_makes_no_sense_is_refused(change: str) -> None:
    with pytest.raises(UsageError):
        override(LINUX_7_3, [change])


@pytest.mark.parametrize(
    ("label", "refusal"),
    [(None, 0), (b"", 0), (b"unconfined\n", 0), (b"docker-default (enforce)\n", None), (b"_", None)],
)
def test_a_refusal_nobody_set_up_is_excused_only_in_a_confined_process(
    label: bytes | None, refusal: int | None, tmp_path: Path
) -> None:
    file = tmp_path / "current"
    if label is not None:
        file.write_bytes(label)
    assert refusal_unasked(file) == refusal


@pytest.mark.parametrize(
    ("result", "missed"),
    [
        (AGREED, False),
        (DISAGREED, False),
        (SKIPPED, False),
        (AGREED._replace(lost=1), True),
        (DISAGREED._replace(calls=tuple(excuse_lost(DISAGREED.calls, 1))), True),
    ],
)
def test_a_scenario_is_run_again_where_something_was_missed_not_where_it_disagrees(
    result: Result, missed: bool
) -> None:
    assert result.missed is missed
