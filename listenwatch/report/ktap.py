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
        reason = result.skip or _last_line(result.error)
        yield result_line(number, result.scenario.name, result.word, reason)
    for name, value in run.setting.items():
        yield f"# {name}: {value}"
    yield f"# listen() calls: {run.summary}"


def result_line(number: int, name: str, word: str, reason: str) -> str:
    """One result: ``word`` as in ``Result.word``, ``reason`` why it failed by itself or was skipped."""
    if word == "ERROR":
        directive = "TIMEOUT" if reason.startswith("timeout") else "ERROR"
        return f"not ok {number} {name} # {directive} {reason}"
    if word == Kind.DISAGREE.value:
        return f"not ok {number} {name}"
    if word == Kind.AGREE.value:
        return f"ok {number} {name}"
    return f"ok {number} {name} # SKIP {reason if word == 'SKIP' else word.lower()}"


def _last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2]


def _diagnostics(result: Result) -> Iterator[str]:
    for number, judged in enumerate(result.calls, 1):
        if judged.verdict.kind is not Kind.AGREE:
            yield f"call {number}: {judged.verdict.kind.value}: {judged.verdict.reason}"
    yield from result.error.rstrip().splitlines()
