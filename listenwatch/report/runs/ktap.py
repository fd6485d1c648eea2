"""KTAP, version 1: the kernel's own test output (Documentation/dev-tools/ktap.rst), one result a scenario."""

from collections.abc import Iterable, Iterator, Sequence

from listenwatch.conformance.matrix.results import KernelRun, Matrix
from listenwatch.conformance.run import Run
from listenwatch.linux.terminal import escape
from listenwatch.report.runs.checks import Check, checks, completeness
from listenwatch.report.runs.sink import RunSink


class Ktap(RunSink):
    """What ``verify --ktap`` prints: all of it at the end, since the plan comes first."""

    def end(self, runs: Sequence[Run]) -> None:
        print(ktap(runs))


def ktap(runs: Sequence[Run]) -> str:
    """The results of a run, of several engines as subtests. What is not known is skipped, never ok."""
    lines = list(_run(runs[0])) if len(runs) == 1 else [f"1..{len(runs)}"]
    if len(runs) > 1:
        for number, run in enumerate(runs, 1):
            name = f"{run.setting.engine}-{run.setting.mode}"
            lines += _subtest(number, name, not run.exit_status(), _run(run))
    return "\n".join(["KTAP version 1", *lines])


def _run(run: Run) -> Iterator[str]:
    yield from _results(list(checks(run)), run.not_run)
    yield from (f"# {name}: {value}" for name, value in run.setting._asdict().items())
    yield f"# listen() calls: {run.summary}"


def matrix_ktap(matrix: Matrix) -> str:
    """A subtest for each kernel, in it one for each mode, in that the results; a kernel not observed is not ok."""
    return "\n".join(["KTAP version 1", f"1..{len(matrix.kernels)}", *_kernels(matrix)])


def _kernels(matrix: Matrix) -> Iterator[str]:
    for number, kernel in enumerate(matrix.kernels, 1):
        name = kernel.name.replace(" ", "-")
        if kernel.problem:
            yield from (f"# {escape(line)}" for line in kernel.problem.splitlines())
            yield from (f"# DISAGREE: {escape(reason)}" for _, reason in kernel.disagreements)
            yield f"not ok {number} {name} # ERROR {escape(kernel.problem.partition(chr(10))[0])}"
        else:
            good = not any(run.exit_status() for run in kernel.runs)
            yield from _subtest(number, name, good, _modes(kernel))


def _modes(kernel: KernelRun) -> Iterator[str]:
    yield f"1..{len(kernel.runs)}"
    for number, run in enumerate(kernel.runs, 1):
        lines = [*_results([*checks(run), completeness(run)]), f"# listen() calls: {run.summary}"]
        yield from _subtest(number, run.name.replace(" ", "-"), not run.exit_status(), lines)


def _results(results: Sequence[Check], not_run: int = 0) -> Iterator[str]:
    """The plan counts what was not run any more: to whoever reads it, results are missing."""
    yield f"1..{len(results) + not_run}"
    for number, check in enumerate(results, 1):
        if check.word != "SKIP":
            yield from (f"# {escape(line)}" for line in check.lines)
        yield _result(number, escape(check.name), check.word, escape(check.reason))


def _result(number: int, name: str, word: str, reason: str) -> str:
    match word:
        case "AGREE":
            return f"ok {number} {name}"
        case "DISAGREE":
            return f"not ok {number} {name}"
        case "ERROR":
            directive = "TIMEOUT" if reason.startswith("timeout") else "ERROR"
            return f"not ok {number} {name} # {directive} {reason}"
        case _:
            return f"ok {number} {name} # SKIP {reason if word == 'SKIP' else word.lower()}"


def _subtest(number: int, name: str, good: bool, lines: Iterable[str]) -> Iterator[str]:
    yield f"  # Subtest: {name}"
    yield from (f"  {line}" for line in ("KTAP version 1", *lines))
    yield f"{'ok' if good else 'not ok'} {number} {name}"
