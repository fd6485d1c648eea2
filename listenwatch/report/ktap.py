"""KTAP, version 1: the kernel's own test output (Documentation/dev-tools/ktap.rst), one result a scenario."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from listenwatch.report.verification import Verification
from listenwatch.scenarios.runner import Result
from listenwatch.verdict import Kind

# Summarise, as in the table: the reader of KTAP wants one line of it.


def ktap(runs: Sequence[Verification]) -> str:
    """The results of a run, of several engines as subtests. What is not known is skipped, never ok."""
    return "\n".join(["KTAP version 1", *(_lines(runs[0]) if len(runs) == 1 else _subtests(runs))])


def _subtests(runs: Sequence[Verification]) -> Iterator[str]:
    yield f"1..{len(runs)}"
    for number, run in enumerate(runs, 1):
        name = f"{run.setting['engine']}-{run.setting['mode']}"
        yield f"  # Subtest: {name}"
        yield from (f"  {line}" for line in ("KTAP version 1", *_lines(run)))
        yield f"{'not ok' if run.exit_status() else 'ok'} {number} {name}"


def _lines(run: Verification) -> Iterator[str]:
    yield f"1..{len(run.results)}"
    for number, result in enumerate(run.results, 1):
        yield from (f"# {line}" for line in _diagnostics(result))
        yield _result_line(number, result)
    for name, value in run.setting.items():
        yield f"# {name}: {value}"
    yield f"# listen() calls: {run.summary}"


def _result_line(number: int, result: Result) -> str:
    name = result.scenario.name
    if result.error:
        directive = "TIMEOUT" if result.error.startswith("timeout") else "ERROR"
        return f"not ok {number} {name} # {directive} {_last_line(result.error)}"
    if result.kind is Kind.DISAGREE:
        return f"not ok {number} {name}"
    if result.skip:
        return f"ok {number} {name} # SKIP {result.skip}"
    if result.kind is Kind.AGREE:
        return f"ok {number} {name}"
    return f"ok {number} {name} # SKIP {result.word.lower()}"


def _last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2]


def _diagnostics(result: Result) -> Iterator[str]:
    for number, judged in enumerate(result.calls, 1):
        if judged.verdict.kind is not Kind.AGREE:
            yield f"call {number}: {judged.verdict.kind.value}: {judged.verdict.reason}"
    yield from result.error.rstrip().splitlines()
