"""KTAP of a matrix: a subtest for each kernel, in it one for each mode, in that a result for each scenario."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from listenwatch.matrix.results import KernelRun, Matrix, Mode
from listenwatch.report.ktap import result_line
from listenwatch.report.matrix.cases import cases
from listenwatch.terminal import escape


def matrix_ktap(matrix: Matrix) -> str:
    """The whole output. A kernel that could not be observed is not ok."""
    return "\n".join(["KTAP version 1", f"1..{len(matrix.kernels)}", *_kernels(matrix)])


def _kernels(matrix: Matrix) -> Iterator[str]:
    for number, kernel in enumerate(matrix.kernels, 1):
        name = kernel.name.replace(" ", "-")
        if kernel.problem:
            yield from (f"# {escape(line)}" for line in kernel.problem.splitlines())
            yield from (f"# DISAGREE: {escape(line['reason'])}" for line in kernel.disagreements)
            yield f"not ok {number} {name} # ERROR {escape(kernel.problem.partition(chr(10))[0])}"
        else:
            good = not any(mode.status for mode in kernel.modes)
            yield from _subtest(number, name, good, _modes(kernel))


def _modes(kernel: KernelRun) -> Iterator[str]:
    yield f"1..{len(kernel.modes)}"
    for number, mode in enumerate(kernel.modes, 1):
        yield from _subtest(number, mode.name.replace(" ", "-"), not mode.status, _cases(mode))


def _cases(mode: Mode) -> Iterator[str]:
    each = list(cases(mode))
    yield f"1..{len(each)}"
    for number, case in enumerate(each, 1):
        if case.word != "SKIP":
            yield from (f"# {escape(line)}" for line in case.said)
        yield result_line(number, escape(case.name), case.word, escape(case.reason))
    yield f"# listen() calls: {mode.totals}"


def _subtest(number: int, name: str, good: bool, lines: Iterable[str]) -> Iterator[str]:
    yield f"  # Subtest: {name}"
    yield from (f"  {line}" for line in ("KTAP version 1", *lines))
    yield f"{'ok' if good else 'not ok'} {number} {name}"
