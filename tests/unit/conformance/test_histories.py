"""Generated histories without a kernel: the same seed, the same programs; shrinking; scripts."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from listenwatch.conformance.harness.journal import Issued
from listenwatch.conformance.harness.judging import judge_pair
from listenwatch.conformance.histories.campaign import Campaign, Failure
from listenwatch.conformance.histories.check import History, judge_calls
from listenwatch.conformance.histories.generate import generate
from listenwatch.conformance.histories.operations import Op, Operations, threads, to_json
from listenwatch.conformance.histories.run import FIRST_MARK, lower
from listenwatch.conformance.histories.shrink import shrink
from listenwatch.conformance.histories.split import by_history, pairs
from listenwatch.conformance.run import Tally
from listenwatch.model.stages import StageIndex
from listenwatch.report.columns import WIDTH, fitted
from listenwatch.report.runs.histories import campaign_report, reasons
from listenwatch.report.runs.json_lines import summary_line
from listenwatch.report.runs.repro import repro
from listenwatch.verdict.compare import Verdict, VerdictKind, inconclusive
from listenwatch.verdict.excuses import Excuse
from tests.helpers.eras import LINUX_7_3
from tests.helpers.histories import OPERATIONS
from tests.helpers.scenarios import KERNEL, SETTING, issued, record

PROGRAMS = [generate(1, number) for number in range(300)]
OPEN = Op(0, "open_socket", 0, (2, 1, 0))


def test_the_same_seed_gives_the_same_programs() -> None:
    assert [generate(1, number) for number in range(300)] == PROGRAMS
    assert [generate(2, number) for number in range(300)] != PROGRAMS
    assert len(set(PROGRAMS)) == len(PROGRAMS)


def test_every_operation_is_generated_and_can_be_called() -> None:
    used = {op.call for program in PROGRAMS for op in program}
    assert used == OPERATIONS


def test_some_programs_have_threads_some_share_and_every_one_listens() -> None:
    threaded = [program for program in PROGRAMS if threads(program)]
    assert 5 < len(threaded) < 60
    assert all(len(threads(program)) in (2, 3) for program in threaded)
    shared = [
        program
        for program in threaded
        if any(op.thread and op.call == "listen" and op.slot < 100 for op in program)
    ]
    assert shared
    assert all(op.call != "sysctl" for p in threaded for op in p if op.thread)
    assert sum(any(op.call == "listen" for op in p) for p in PROGRAMS) > 270


def test_two_programs_never_meet() -> None:
    """Ports, names and narrow ranges are a program's own, so that nothing an earlier one left matters."""
    ops = [
        Op(0, "bind", 0, ("127.0.0.1", 3)),
        Op(0, "bind_unix", 0, (3,)),
        Op(0, "connect_port", 0, ("127.0.0.1", 3, 1)),
        Op(0, "sysctl", -1, ("net.ipv4.ip_local_port_range", "4")),
    ]
    for op in ops:
        assert len({lower(op, position) for position in range(900)}) == 900
    assert lower(ops[3], 1) == (-1, "net.ipv4.ip_local_port_range", "40010 40013")
    assert lower(Op(0, "bind", 0, ("::", 0)), 7) == (0, "::", 0)
    assert lower(Op(0, "bind_unix", 0, (0,)), 7) == (0, "")


def test_the_streams_are_cut_at_the_marks() -> None:
    def call(fd: int) -> Issued:
        return Issued(1, fd, 0, 0)

    stream = [call(3), call(FIRST_MARK), call(FIRST_MARK - 7), call(4), call(5)]
    assert by_history(stream) == {-1: [call(3)], 0: [], 7: [call(4), call(5)]}


def test_a_missing_record_is_that_of_the_call_it_does_not_fit() -> None:
    made = [issued(1, backlog) for backlog in (5, 6, 7)]
    seen = [record(1, 5), record(1, 7)]
    assert pairs(made, seen) == [(made[0], seen[0]), (made[1], None), (made[2], seen[1])]
    assert pairs(made[:1], seen) == [(made[0], seen[0]), (None, seen[1])]
    assert pairs(made[:1], seen[:1]) == [(made[0], seen[0])]


def test_what_a_skipped_program_would_have_shown_is_not_held_against_anyone() -> None:
    """The kernel skips a program where one runs already: at the beginning of a call, or at a stage of it."""
    whole = record(1, 5)
    stages = {index: stage for index, stage in whole.stages.items() if index != StageIndex.STATE_LISTEN}
    made = [issued(1, 5), issued(1, 6)]
    seen = [whole._replace(stages=stages)]
    judged = judge_calls(made, seen, LINUX_7_3, skipped=2, lost=True)
    assert [j.verdict.excuse for j in judged] == [Excuse.PROBE_SKIPPED, Excuse.RECORD_LOST]
    (judged_alone,) = judge_calls([], [whole], LINUX_7_3, skipped=1, lost=True)  # the mark between two histories is lost
    assert judged_alone.verdict.excuse is Excuse.OTHERS_LOST
    judged = judge_calls(made, seen, LINUX_7_3, skipped=0, lost=False)
    assert [j.verdict.kind for j in judged] == [VerdictKind.DISAGREE] * 2
    (judged_alone,) = judge_calls([], [whole], LINUX_7_3, skipped=0, lost=False)
    assert judged_alone.verdict.kind is VerdictKind.DISAGREE


# -- shrinking


class Oracle:
    """Disagrees with every history in which ``wanted`` stand in this order; counts what it was asked."""

    def __init__(self, *wanted: tuple[str, int | None]) -> None:
        self.wanted, self.asked = wanted, 0

    def __call__(self, programs: Sequence[Operations]) -> list[bool]:
        self.asked += len(programs)
        return [self._disagrees(program) for program in programs]

    def _disagrees(self, program: Operations) -> bool:
        rest = iter(program)
        return all(
            any(
                op.call == call and (least is None or int(op.arguments[-1]) >= least) for op in rest
            )
            for call, least in self.wanted
        )


def longest(*wanted: str) -> Operations:
    """The longest history that has these operations in this order."""
    oracle = Oracle(*((call, None) for call in wanted))
    return max((p for p in PROGRAMS if oracle([p])[0]), key=len)


@pytest.mark.parametrize(
    "wanted", [("listen",), ("bind", "listen"), ("option", "bind", "listen", "shutdown", "listen")]
)
def test_shrinking_finds_the_minimal_program(wanted: tuple[str, ...]) -> None:
    program = longest(*wanted)
    oracle = Oracle(*((call, None) for call in wanted))
    small = shrink(program, oracle)
    assert tuple(op.call for op in small) == wanted
    assert oracle.asked < 20 * len(program)


def test_shrinking_makes_arguments_plain() -> None:
    program = (
        Op(0, "open_socket", 8, (10, 1, 262)),
        Op(0, "bind", 8, ("::1", 2)),
        Op(1, "duplicate", 8, (9,)),
        Op(1, "listen", 9, (2**31 - 1,)),
    )
    oracle = Oracle(("open_socket", 0), ("bind", 0), ("duplicate", 0), ("listen", 4000))
    assert shrink(program, oracle) == (
        OPEN,
        Op(0, "bind", 0, ("127.0.0.1", 0)),
        Op(0, "duplicate", 0, (1,)),
        Op(0, "listen", 1, (4096,)),
    )


def test_what_does_not_happen_again_is_not_shrunk() -> None:
    program = PROGRAMS[0]
    assert shrink(program, lambda programs: [False] * len(programs)) == program


# -- scripts and reports


@pytest.mark.parametrize("number", range(0, 300, 7))
def test_a_script_is_python_and_imports_nothing_of_ours(number: int) -> None:
    program = PROGRAMS[number]
    listens = sum(op.call == "listen" for op in program)
    judged = [judge_pair((issued(), record()), LINUX_7_3)] * listens
    text = repro(program, judged, "7.3")
    tree = ast.parse(text)
    modules = {
        name.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    standard = {
        "__future__",
        "contextlib",
        "ctypes",
        "fcntl",
        "os",
        "pathlib",
        "select",
        "socket",
        "struct",
    }
    assert modules <= standard | {"threading", "typing"}
    assert text.count("check(") == listens + 1
    assert ("import threading" in text) == bool(threads(program))


def history(*kinds: VerdictKind) -> History:
    good, bad = judge_pair((issued(), record()), LINUX_7_3), judge_pair((issued(), None), LINUX_7_3)
    return History(17, (OPEN,), tuple(bad if kind is VerdictKind.DISAGREE else good for kind in kinds))


def campaign(*verdicts: Verdict, **changes: Any) -> Campaign:
    made = Campaign(SETTING, KERNEL, 0, 1, 2, 0.5, Tally(verdicts), Counter(), (), (), {})
    return replace(made, **changes)


AGREED = Verdict(VerdictKind.AGREE, "listens", "kept")
UNSURE = inconclusive(Excuse.CONTENDED)


def test_totals_are_those_of_the_verdicts() -> None:
    run = campaign(AGREED, AGREED, UNSURE, unknown=Counter({Excuse.CONTENDED: 1, (30, 5, 0): 2}))
    assert str(run.summary) == "2 agree, 0 disagree, 1 inconclusive, 0 unmodelled, 0 lost"
    contended = "another thread was in listen() on the same socket"
    tipc = "no model of AF_TIPC (family 30, type 5, protocol 0): it has states of its own and leaves the backlog aside"
    assert reasons(run) == {contended: 1, tipc: 2}
    assert run.tally.rules["listens"] == 2
    assert run.exit_status() == 0
    assert run.exit_status(strict=True) == 4
    assert replace(run, lost=1).exit_status() == 4
    assert replace(run, failed={"1": "Traceback"}).exit_status() == 4
    assert f"Not conclusive 1: {contended}" in campaign_report(run)


def test_a_disagreement_is_told_with_its_smallest_program() -> None:
    whole = history(VerdictKind.AGREE, VerdictKind.DISAGREE)._replace(operations=PROGRAMS[0])
    small = history(VerdictKind.DISAGREE)
    disagrees = AGREED._replace(kind=VerdictKind.DISAGREE)
    run = campaign(disagrees, disagreeing=(17,), failures=(Failure(17, PROGRAMS[0], small.operations, small.calls),))
    text = campaign_report(run)
    assert run.exit_status() == 1
    assert "history 17 of seed 1: DISAGREE" in text
    assert f"1 of {len(PROGRAMS[0])} operations" in text
    assert "    open_socket(0, 2, 1, 0)" in text
    assert "listen() 1: listen(3, 5) returned 0 and has no record" in text
    for width in (80, 100, 200, None):
        lines = fitted(text, width).splitlines()
        assert max(map(len, lines)) <= min(width or WIDTH, WIDTH) and "    open_socket(0, 2, 1, 0)" in lines
    line = json.loads(json.dumps(summary_line(run)))["summary"]
    assert line["failures"][0]["smallest"] == to_json((OPEN,))
    alone = replace(run, failures=(Failure(17, PROGRAMS[0], None, whole.calls),))
    assert "did not happen again" in campaign_report(alone)
