"""What came of a matrix: of each kernel the lines that ``verify --json`` printed there, by mode and scenario."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from listenwatch.scenarios.runner import WORST_FIRST
from listenwatch.summary import Summary
from listenwatch.verdict import Kind

Line = dict[str, Any]
"""One line of ``verify --json``: a call and its verdict."""

HERE = "this kernel"
GUEST = "guest"


class Mode(NamedTuple):
    """One engine and attach mode on one kernel: its summary (``Verification.as_json``), and its calls by scenario.

    Of random histories ``calls`` is empty.
    """

    summary: dict[str, Any]
    calls: dict[str, list[Line]]

    @property
    def attach(self) -> str:
        """Such as ``kprobe``."""
        return str(self.summary["mode"])

    @property
    def name(self) -> str:
        """The attach mode, with the engine where that is not core: ``bcc kprobe``."""
        engine = self.summary["engine"]
        return self.attach if engine == "core" else f"{engine} {self.attach}"

    @property
    def totals(self) -> Summary:
        """The calls, counted by verdict."""
        return Summary(*(self.summary[field] for field in Summary._fields))

    @property
    def status(self) -> int:
        """The exit status of this mode alone: 1 a disagreement, 4 incomplete, 0."""
        return self.totals.exit_status() or (4 if self.summary["errors"] else 0)

    def word(self, scenario: str) -> str:
        """A verdict, SKIP or ERROR, as in ``Result.word``; empty for a scenario that did not run here."""
        if scenario not in self.calls:
            return ""
        if scenario in self.summary["skipped"]:
            return "SKIP"
        kinds = {line["verdict"] for line in self.calls[scenario]}
        worst = next((kind.value for kind in WORST_FIRST if kind.value in kinds), "ERROR")
        failed = scenario in self.summary["errors"] and worst != Kind.DISAGREE.value
        return "ERROR" if failed else worst

    def note(self, scenario: str) -> str:
        """Why it was skipped or how it failed."""
        notes: dict[str, str] = self.summary["skipped"] | self.summary["errors"]
        return notes.get(scenario, "")


class KernelRun(NamedTuple):
    """One kernel of the matrix: what was observed on it, or the ``problem`` for which it was not.

    ``source`` is HERE or GUEST. ``lines`` has every line printed, also of a run that broke off,
    which has no ``modes``.
    """

    series: str
    source: str
    seconds: float
    lines: Sequence[Line]
    modes: tuple[Mode, ...]
    problem: str = ""

    @property
    def name(self) -> str:
        """The series; of the kernel this runs on with a word that tells it from a guest."""
        return f"{self.series} here" if self.source == HERE else self.series

    @property
    def release(self) -> str:
        """``uname -r``; empty where nothing was observed."""
        return str(self.modes[0].summary["recorded_on"]["release"]) if self.modes else ""

    @property
    def version(self) -> str:
        """The upstream version, such as ``6.1.192``; empty where nothing was observed."""
        version = self.modes[0].summary["recorded_on"]["version"] if self.modes else ()
        return ".".join(map(str, version))

    @property
    def disagreements(self) -> list[Line]:
        """Every call that disagrees, whatever became of the run."""
        return [line for line in self.lines if line.get("verdict") == Kind.DISAGREE.value]


class Matrix(NamedTuple):
    """All kernels of a run, in the order of the columns; ``started`` is the time of day in UTC (ISO 8601)."""

    kernels: tuple[KernelRun, ...]
    started: str
    seconds: float

    @property
    def scenario_names(self) -> list[str]:
        """Every scenario a kernel ran, in the order they ran."""
        return list({name: None for _, mode in self.modes() for name in mode.calls})

    def modes(self) -> Iterator[tuple[KernelRun, Mode]]:
        """Every mode of every kernel that was observed."""
        return ((kernel, mode) for kernel in self.kernels for mode in kernel.modes)

    def totals(self) -> Summary:
        """Calls by verdict over all kernels and modes."""
        each = [mode.totals for _, mode in self.modes()]
        return Summary(*(sum(getattr(one, field) for one in each) for field in Summary._fields))

    def status(self) -> int:
        """The exit status: 1 a disagreement, 3 a kernel could not be observed, 4 incomplete, 0."""
        if self.totals().disagree or any(kernel.disagreements for kernel in self.kernels):
            return 1
        if any(kernel.problem for kernel in self.kernels):
            return 3
        statuses = [mode.status for _, mode in self.modes()]
        return max(statuses, default=4)


def kernel_run(
    series: str, source: str, seconds: float, printed: Sequence[dict[str, Any]], problem: str = ""
) -> KernelRun:
    """A kernel's run from what ``verify --json`` printed. A run that did not come to its end has a problem."""
    lines = [line for line in printed if "summary" not in line]
    summaries = [line["summary"] for line in printed if "summary" in line]
    modes = () if problem else tuple(_mode(summary, lines) for summary in summaries)
    return KernelRun(series, source, seconds, lines, modes, problem)


def _mode(summary: dict[str, Any], lines: Sequence[Line]) -> Mode:
    calls: dict[str, list[Line]] = {name: [] for name in summary.get("scenario_names", ())}
    own = (summary["engine"], summary["mode"])
    for line in lines if calls else ():
        if (line["engine"], line["attach"]) == own:
            calls[line["scenario"]].append(line)
    return Mode(summary, calls)
