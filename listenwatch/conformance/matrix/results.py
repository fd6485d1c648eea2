"""What came of a matrix: of each kernel the runs that ``verify --json`` printed there."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from listenwatch.conformance.from_json import Line, runs_from_json
from listenwatch.conformance.run import Run, ScenarioRun
from listenwatch.verdict.compare import VerdictKind
from listenwatch.verdict.summary import Summary

HERE = "this kernel"
GUEST = "guest"


def name_of(series: str, source: str, architecture: str = "") -> str:
    """The series; of the kernel this runs on with a word that tells it from a guest, of another architecture with that."""
    if architecture:
        return f"{architecture}:{series}"
    return f"{series} here" if source == HERE else series


class KernelRun(NamedTuple):
    """One kernel of the matrix: what was observed on it, or the ``problem`` for which it was not.

    ``source`` is HERE or GUEST. ``lines`` has every line printed, also of a run that broke off,
    which has no ``runs``; else there is one for each engine and attach mode. ``architecture`` is empty for this
    machine's own.
    """

    series: str
    source: str
    seconds: float
    lines: Sequence[Line]
    runs: tuple[Run, ...]
    problem: str = ""
    architecture: str = ""

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return name_of(self.series, self.source, self.architecture)

    @property
    def release(self) -> str:
        """``uname -r``; empty where nothing was observed."""
        return self.runs[0].kernel.release if self.runs else ""

    @property
    def version(self) -> str:
        """The upstream version, such as ``6.1.192``; empty where nothing was observed."""
        return ".".join(map(str, self.runs[0].kernel.version)) if self.runs else ""

    @property
    def scenario_runs(self) -> list[ScenarioRun]:
        """The runs of the scenarios: all of them, or none where random histories ran."""
        return [run for run in self.runs if isinstance(run, ScenarioRun)]

    @property
    def disagreements(self) -> list[tuple[str, str]]:
        """Scenario and reason of every call that disagrees, whatever became of the run."""
        wrong = (line for line in self.lines if line.get("verdict") == VerdictKind.DISAGREE.value)
        return [(str(line.get("scenario")), str(line.get("reason"))) for line in wrong]


class Matrix(NamedTuple):
    """All kernels of a run, in the order of the columns; ``started`` is the time of day in UTC (ISO 8601)."""

    kernels: tuple[KernelRun, ...]
    started: str
    seconds: float

    @property
    def scenario_names(self) -> list[str]:
        """Every scenario a kernel ran, in the order they ran."""
        runs = (run for kernel in self.kernels for run in kernel.scenario_runs)
        return list(dict.fromkeys(name for run in runs for name in run.by_scenario))

    def runs(self) -> Iterator[tuple[KernelRun, Run]]:
        """Every engine and attach mode of every kernel that was observed."""
        return ((kernel, run) for kernel in self.kernels for run in kernel.runs)

    def totals(self) -> Summary:
        """Calls by verdict over all runs."""
        summaries = [run.summary for _, run in self.runs()]
        return Summary(*(sum(getattr(s, field) for s in summaries) for field in Summary._fields))

    def status(self) -> int:
        """The exit status: 1 a disagreement, 3 a kernel could not be observed, 4 incomplete, 0."""
        if self.totals().disagree or any(kernel.disagreements for kernel in self.kernels):
            return 1
        if any(kernel.problem for kernel in self.kernels):
            return 3
        return max((run.exit_status() for _, run in self.runs()), default=4)


def kernel_run(
    series: str, source: str, seconds: float, printed: Sequence[Line], problem: str = "", architecture: str = ""
) -> KernelRun:
    """A kernel's run from what ``verify --json`` printed. A run that did not come to its end has a problem."""
    lines = [line for line in printed if not problem or "summary" not in line]
    try:
        runs = () if problem else runs_from_json(printed)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        damage = f"printed a line that is damaged: {error!r}"
        return kernel_run(series, source, seconds, printed, damage, architecture)
    return KernelRun(series, source, seconds, lines, runs, problem, architecture)
