"""The lower half of a matrix on a terminal: what went wrong and why, the totals, and what it all comes to."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from listenwatch.matrix.results import KernelRun, Matrix, Mode
from listenwatch.report.matrix.cases import cases
from listenwatch.report.table import WIDTH
from listenwatch.terminal import BOLD, escape, paint
from listenwatch.verdict import Kind

_MOST = 5  # notes of one kernel and mode
_HEADS = ("kernel", "version", "mode", "agree", "disagree", "inconcl.", "unmod.", "lost", "skip", "fail", "equal", "time")
_WORDS = 3  # of these columns are words, the others numbers
_QUIET = (Kind.AGREE.value, "SKIP")


def notes(matrix: Matrix) -> Iterator[str]:
    """Kernels that were not observed, and every scenario that did not simply agree, with the reason."""
    for kernel in matrix.kernels:
        for mode in kernel.modes:
            yield from _of_mode(f"{kernel.name} {mode.name}", mode)
        if kernel.problem:
            yield from _wrapped(f"{kernel.name}: NOT OBSERVED: {kernel.problem}")
            for line in kernel.disagreements[:_MOST]:
                yield from _wrapped(f"{kernel.name}, before that: DISAGREE: {line['reason']}")


def _of_mode(name: str, mode: Mode) -> Iterator[str]:
    told = [case for case in cases(mode) if case.word not in _QUIET]
    for case in told[:_MOST]:
        yield from _wrapped(f"{name}: {case.name}: {case.word}: {case.reason}")
    if len(told) > _MOST:
        yield f"{name}: and {len(told) - _MOST} more, in the report"


def _wrapped(text: str) -> list[str]:
    lines = [wrap(escape(line), WIDTH, subsequent_indent="    ") for line in text.splitlines()]
    return [line for each in lines for line in each]


def totals_table(matrix: Matrix) -> str:
    """A line for each kernel and mode: calls by verdict, scenarios, and how many records equal the first mode's."""
    rows = [_HEADS, *(row for kernel in matrix.kernels for row in _rows(kernel))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    return "\n".join("  ".join(map(_aligned, row, widths, range(len(row)))).rstrip() for row in rows)


def _aligned(cell: str, width: int, number: int) -> str:
    """Words to the left, numbers to the right. tabulate would need 107 columns for this table."""
    return cell.ljust(width) if number < _WORDS else cell.rjust(width)


def _rows(kernel: KernelRun) -> Iterator[tuple[str, ...]]:
    if not kernel.modes:
        yield (kernel.name, "not observed", *[""] * (len(_HEADS) - _WORDS), f"{kernel.seconds:.0f} s")
    for number, mode in enumerate(kernel.modes):
        beside = mode.summary.get("beside")
        equal = f"{beside['equal']}/{beside['equal'] + beside['different']}" if beside else ""
        skipped, failed = (str(len(mode.summary.get(key, ()))) for key in ("skipped", "errors"))
        ran = (kernel.name, kernel.version) if not number else ("", "")
        seconds = f"{kernel.seconds:.0f} s" if not number else ""
        yield (*ran, mode.name, *map(str, mode.totals), skipped, failed, equal, seconds)


def closing(matrix: Matrix, *, colour: bool) -> str:
    """What was run, how equal the modes are, and the verdict on it all."""
    missing = [kernel.name for kernel in matrix.kernels if kernel.problem]
    observed = len(matrix.kernels) - len(missing)
    besides = [b for _, mode in matrix.modes() if (b := mode.summary.get("beside"))]
    lines = []
    if besides:
        equal, different = (sum(b[key] for b in besides) for key in ("equal", "different"))
        told = f"{different} differ" if different else "none differs in a field both see"
        lines.append(f"Modes on the same calls: {equal} records equal, {told}")
    ran = f"Kernels: {observed} of {len(matrix.kernels)} observed in {matrix.seconds:.0f} s"
    lines.append(f"{ran}; not observed: {', '.join(missing)}" if missing else ran)
    lines.append(paint(f"listen() calls: {matrix.totals()}", BOLD, on=colour))
    return "\n".join(lines)
