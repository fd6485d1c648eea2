"""Scenarios without a kernel: the catalogue, which record belongs to which call, and what contradicts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from listenwatch.behaviours import describe, override
from listenwatch.errors import UsageError
from listenwatch.model.behaviour import LINUX_7_3, Behaviour, Stored
from listenwatch.model.inputs import Door, Request, TcpState
from listenwatch.record import ListenCall
from listenwatch.report.table import WIDTH, verify_report
from listenwatch.report.verification import Verification
from listenwatch.scenarios.catalogue import all_scenarios, choose
from listenwatch.scenarios.journal import Issued, Journal, Reading, Report, read_report
from listenwatch.scenarios.judging import excuse_lost, judge_pair
from listenwatch.scenarios.lab import refusal_unasked
from listenwatch.scenarios.needs import CHECKS, KPROBES
from listenwatch.scenarios.pairing import pair
from listenwatch.scenarios.registry import Scenario
from listenwatch.scenarios.runner import Result
from listenwatch.verdict import Kind
from tests.unit import make

SETTING = {"kernel": "7.3", "behaviour": "as is", "engine": "core", "attach": "kprobe: asked for"}


def record(tid: int = 1, backlog: int = 5, fd: int = 3) -> ListenCall:
    """A TCP listen that went as the model says."""
    asked = Request(Door.SYSCALL, True, True, backlog)
    result = make.outcome(backlog=backlog)
    call = make.observe(asked, make.TCP, make.environment(), result)
    return call._replace(tid=tid, fd=fd)


def issued(tid: int = 1, backlog: int = 5, fd: int = 3) -> Issued:
    """The same call as the scenario tells it, with a witness that agrees."""
    return Issued(tid, fd, backlog, 0, reading=Reading(TcpState.LISTEN, backlog, 0, backlog, 0))


def scenario(name: str = "name", work: Callable[..., None] = print) -> Scenario:
    return Scenario(name, "file", "summary", work, ())


def verification(*results: Result, lost: int = 0) -> Verification:
    return Verification(results, lost, SETTING)


AGREED = Result(scenario("good"), (judge_pair((issued(), record()), LINUX_7_3),))
DISAGREED = Result(scenario("bad"), (judge_pair((issued(), None), LINUX_7_3),))
SKIPPED = Result(scenario("skipped"), skip="needs TLS: no such module")
FAILED = Result(scenario("failed"), AGREED.calls, error="Traceback\nValueError: broken")


# -- the catalogue


def test_the_catalogue_holds_what_was_promised() -> None:
    names = [s.name for s in all_scenarios()]
    assert len(names) >= 60
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("one", all_scenarios(), ids=lambda one: one.name)
def test_a_scenario_is_well_named(one: Scenario) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]{1,25}", one.name), "the table gives a name 26 columns"
    assert len(one.summary) > 8
    assert set(one.needs) <= {*CHECKS, KPROBES}


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
    assert judge_pair((issued(), record()), LINUX_7_3).verdict.kind is Kind.AGREE


@pytest.mark.parametrize(
    ("made", "seen", "said"),
    [
        (issued(), None, "has no record"),
        (None, record(), "where the scenario made nothing"),
        (issued(backlog=6), record(backlog=5), r"made listen\(3, 6\)"),
        (issued(fd=4), record(fd=3), r"made listen\(4, 5\)"),
        (issued()._replace(door=Door.IO_URING), record(), "by syscall"),
        (issued()._replace(error=22), record(), "result against libc: the probe saw 0, .* EINVAL"),
    ],
)
def test_a_contradiction_disagrees(made: Issued, seen: ListenCall, said: str) -> None:
    verdict = judge_pair((made, seen), LINUX_7_3).verdict
    assert verdict.kind is Kind.DISAGREE
    assert re.search(said, verdict.reason), verdict.reason


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
    told = issued()._replace(reading=reading._replace(**{field: value}))
    verdict = judge_pair((told, record()), LINUX_7_3).verdict
    assert verdict.kind is Kind.DISAGREE
    assert said in verdict.reason


def test_a_connection_may_arrive_before_the_second_witness_looks() -> None:
    reading = issued().reading
    assert reading is not None
    told = issued()._replace(reading=reading._replace(diag_ack_backlog=1, info_ack_backlog=1))
    assert judge_pair((told, record()), LINUX_7_3).verdict.kind is Kind.AGREE


def test_the_model_is_heard_too() -> None:
    """A wrong model cannot hide behind two witnesses that agree."""
    wrong = LINUX_7_3._replace(stored=Stored.AFTER_LISTEN_START)
    verdict = judge_pair((issued(), record()), wrong).verdict
    assert verdict.kind is Kind.DISAGREE
    assert "predicted 0, observed 5" in verdict.reason


def test_only_what_the_probe_counted_as_lost_is_excused() -> None:
    missing = judge_pair((issued(), None), LINUX_7_3)
    good = judge_pair((issued(), record()), LINUX_7_3)
    kinds = [judged.verdict.kind for judged in excuse_lost([missing, good, missing], 1)]
    assert kinds == [Kind.INCONCLUSIVE, Kind.AGREE, Kind.DISAGREE]


def test_a_record_without_a_call_tells_nothing_where_others_were_lost() -> None:
    stray = judge_pair((None, record()), LINUX_7_3)
    assert stray.verdict.kind is Kind.DISAGREE
    assert [j.verdict.kind for j in excuse_lost([stray], 0)] == [Kind.DISAGREE]
    assert [j.verdict.kind for j in excuse_lost([stray], 1)] == [Kind.INCONCLUSIVE]


# -- the journal


class Pipe(list[bytes]):
    """Stands in for the pipe of a Journal."""

    def journal(self, monkeypatch: pytest.MonkeyPatch) -> Journal:
        monkeypatch.setattr("os.write", lambda _fd, line: self.append(line))
        return Journal(-1)


def test_the_journal_brings_everything_across(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = Pipe()
    journal = pipe.journal(monkeypatch)
    journal.issued(issued())
    journal.issued(Issued(2, -1, None, 98, Door.KERNEL, None, -13))
    journal.end()
    calls = (issued(), Issued(2, -1, None, 98, Door.KERNEL, None, -13))
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
    assert verification(*results, lost=lost).exit_status() == status


def test_the_words_of_the_verdict_column() -> None:
    assert [r.word for r in (AGREED, DISAGREED, SKIPPED, FAILED, Result(scenario()))] == [
        "AGREE",
        "DISAGREE",
        "SKIP",
        "ERROR",
        "ERROR",
    ]


def test_rules_are_counted_from_the_calls_that_agreed() -> None:
    rules, backlog_rules = verification(AGREED, DISAGREED).rules()
    assert rules["listens"] == 1
    assert rules["ulp-refused"] == 0
    assert "none" not in rules
    assert backlog_rules["kept"] == 1


def test_the_table_says_all_and_fits() -> None:
    many = AGREED._replace(scenario=scenario("n" * 26), calls=AGREED.calls * 64)
    text = verify_report(verification(AGREED, DISAGREED, SKIPPED, FAILED, many))
    assert all(len(line) <= WIDTH for line in text.splitlines())
    assert "bad, call 1: DISAGREE: listen(3, 5) returned 0 and has no record" in text
    assert "    ValueError: broken" in text
    assert "Skipped 1: needs TLS: no such module" in text
    assert "5 (3 agree" not in text
    assert "Scenarios: 5 (2 agree, 1 disagree, 1 failed by themselves, 1 skipped)" in text
    assert "66 agree, 1 disagree, 0 inconclusive, 0 unmodelled, 0 lost" in text


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
    assert getattr(changed, field) == value
    different = [f for f in Behaviour._fields if getattr(changed, f) != getattr(LINUX_7_3, f)]
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
