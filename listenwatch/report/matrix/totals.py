"""The lower half of a matrix on a terminal: what went wrong and why, the totals, and what it all comes to."""

from collections.abc import Iterator

from listenwatch.conformance.matrix.results import KernelRun, Matrix
from listenwatch.conformance.run import Run, ScenarioRun
from listenwatch.linux.terminal import BOLD, escape, paint
from listenwatch.report.columns import Column, Layout, wrapped
from listenwatch.report.runs.checks import checks, completeness
from listenwatch.verdict.compare import VerdictKind

_MOST = 5  # notes of one kernel and mode
_COLUMNS = (
    Column("kernel", 10), Column("version", 20, 5), Column("mode", 20), Column("agree", -9), Column("disagree", -9),
    Column("inconcl.", -9, 1), Column("unmod.", -9, 2), Column("lost", -9), Column("skip", -9, 3), Column("fail", -9),
    Column("equal", -15, 6), Column("time", -9, 4),
)  # fmt: skip
_QUIET = (VerdictKind.AGREE.value, "SKIP")


def notes(matrix: Matrix, width: int | None = None) -> Iterator[str]:
    """Kernels that were not observed, and every scenario that did not simply agree, with the reason."""
    for kernel in matrix.kernels:
        for run in kernel.runs:
            yield from _of_run(f"{kernel.name} {run.name}", run, width)
        if kernel.problem:
            yield from _wrapped(f"{kernel.name}: NOT OBSERVED: {kernel.problem}", width)
            for _, reason in kernel.disagreements[:_MOST]:
                yield from _wrapped(f"{kernel.name}, before that: DISAGREE: {reason}", width)


def _of_run(name: str, run: Run, width: int | None) -> Iterator[str]:
    worth = [check for check in (*checks(run), completeness(run)) if check.word not in _QUIET]
    for check in worth[:_MOST]:
        yield from _wrapped(f"{name}: {check.name}: {check.word}: {check.reason}", width)
    if len(worth) > _MOST:
        yield f"{name}: and {len(worth) - _MOST} more, in the report"


def _wrapped(text: str, width: int | None) -> list[str]:
    return [line for paragraph in text.splitlines() for line in wrapped(escape(paragraph), width=width)]


def totals_table(matrix: Matrix, width: int | None = None) -> str:
    """A line for each kernel and mode: calls by verdict, scenarios, and how many records equal the first mode's."""
    rows = [row for kernel in matrix.kernels for row in _rows(kernel)]
    layout = Layout.of_rows(_COLUMNS, rows, width)
    return "\n".join([layout.heads, *(line for row in rows for line in layout.place(row))])


def _rows(kernel: KernelRun) -> Iterator[dict[str, str]]:
    empty = {column.head: "" for column in _COLUMNS}
    named = {**empty, "kernel": escape(kernel.name), "time": f"{kernel.seconds:.0f} s"}
    if not kernel.runs:
        yield {**named, "mode": "not observed"}
    for number, run in enumerate(kernel.runs):
        skipped, equal = "0", ""
        if isinstance(run, ScenarioRun):
            skipped = str(len(run.skipped))
            if same := run.equality:
                equal = f"{same.equal}/{same.equal + same.different}"
        agree, disagree, inconclusive, unmodelled, lost = map(str, run.summary)
        yield {
            **(empty if number else {**named, "version": escape(kernel.version)}), "mode": run.name,
            "agree": agree, "disagree": disagree, "inconcl.": inconclusive, "unmod.": unmodelled, "lost": lost,
            "skip": skipped, "fail": str(len(run.errors)), "equal": equal,
        }  # fmt: skip


def closing(matrix: Matrix, width: int | None = None, *, colour: bool) -> str:
    """What was run, how equal the modes are, and the verdict on it all."""
    missing = [kernel.name for kernel in matrix.kernels if kernel.problem]
    observed = len(matrix.kernels) - len(missing)
    runs = (run for kernel in matrix.kernels for run in kernel.scenario_runs)
    equalities = [run.equality for run in runs if run.equality]
    lines: list[str] = []
    if equalities:
        different = sum(equality.different for equality in equalities)
        what = f"{different} differ" if different else "none differs in a field both see"
        equal = sum(equality.equal for equality in equalities)
        lines += wrapped(f"Modes on the same calls: {equal} records equal, {what}", width=width)
    ran = f"Kernels: {observed} of {len(matrix.kernels)} observed in {matrix.seconds:.0f} s"
    lines += wrapped(f"{ran}; not observed: {', '.join(missing)}" if missing else ran, width=width)
    lines.append(paint(f"listen() calls: {matrix.totals()}", BOLD, on=colour))
    return "\n".join(lines)
