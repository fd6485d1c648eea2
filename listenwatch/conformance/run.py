"""A run: what one engine in one attach mode saw on one kernel. Live or read back from JSON, the same classes."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from listenwatch.conformance.harness.judging import Judged
from listenwatch.conformance.setting import Setting
from listenwatch.linux.kernel import Kernel
from listenwatch.model.rules import BacklogRule, Rule
from listenwatch.verdict.compare import Verdict, VerdictKind
from listenwatch.verdict.difference import Witness
from listenwatch.verdict.summary import Summary, summarise

WORST_FIRST = (VerdictKind.DISAGREE, VerdictKind.UNMODELLED, VerdictKind.INCONCLUSIVE, VerdictKind.AGREE)


def _is_missed(judged: Judged) -> bool:
    """Whether it might be seen better the next time; an attach mode that sees no stage has no probe to miss anything."""
    sees_none = judged.call is not None and not judged.call.hooks
    return judged.verdict.kind is VerdictKind.INCONCLUSIVE and not sees_none


class Result(NamedTuple):
    """What came of one scenario, by its name: its calls, or why it was skipped, or how it failed.

    ``lost`` calls of it have no record; ``repeated`` is how often it was run before, and something missed.
    """

    scenario: str
    calls: tuple[Judged, ...] = ()
    skip: str = ""
    error: str = ""
    lost: int = 0
    repeated: int = 0

    @property
    def kind(self) -> VerdictKind | None:
        """The worst verdict of its calls; None for one skipped, failed or without a call."""
        kinds = {judged.verdict.kind for judged in self.calls}
        return next((kind for kind in WORST_FIRST if kind in kinds), None)

    @property
    def missed(self) -> bool:
        """Whether a probe missed something: a call has no record, or too little to judge it by."""
        return bool(self.lost) or any(map(_is_missed, self.calls))

    @property
    def note(self) -> str:
        """Why it was skipped or how it failed."""
        return self.skip or self.error

    @property
    def word(self) -> str:
        """The verdict column: a verdict, or SKIP or ERROR."""
        if self.skip:
            return "SKIP"
        if self.kind is VerdictKind.DISAGREE or not (self.error or self.kind is None):
            return self.kind.value
        return "ERROR"


class Tally:
    """Verdicts, counted: how many of each kind, and how often each rule explained a call that agreed."""

    def __init__(self, verdicts: Iterable[Verdict] = ()) -> None:
        self.kinds: Counter[VerdictKind] = Counter()
        self.rules = Counter({rule.value: 0 for rule in Rule})
        self.backlog_rules = Counter({rule.value: 0 for rule in BacklogRule})
        for verdict in verdicts:
            self.add(verdict)

    def add(self, verdict: Verdict) -> None:
        """One more."""
        self.kinds[verdict.kind] += 1
        if verdict.kind is VerdictKind.AGREE:
            self.rules[verdict.rule] += 1
            self.backlog_rules[verdict.backlog_rule] += 1


@dataclass(frozen=True)
class Run(ABC):
    """What scenarios (ScenarioRun) and random histories (Campaign) have in common. ``lost`` calls have no record.

    ``not_run`` of them were still to come when the run was interrupted.
    """

    setting: Setting
    kernel: Kernel
    lost: int
    not_run: int = field(default=0, kw_only=True)

    @property
    @abstractmethod
    def tally(self) -> Tally:
        """Every verdict, counted."""

    @property
    @abstractmethod
    def errors(self) -> Mapping[str, str]:
        """What failed by itself, whatever the verdicts on the calls made first: its name, and how."""

    @property
    def name(self) -> str:
        """The attach mode, with the engine where that is not core."""
        return self.setting.name

    @property
    def summary(self) -> Summary:
        """The calls, counted by verdict."""
        return summarise(self.tally.kinds.elements(), self.lost)

    def exit_status(self, *, strict: bool = False) -> int:
        """As Summary says; what failed by itself makes a run incomplete (4)."""
        return self.summary.exit_status(strict=strict) or (4 if self.errors else 0)


class Equality(NamedTuple):
    """How many records were compared with those of another engine (``against``) of the same calls."""

    against: str
    equal: int
    different: int


@dataclass(frozen=True)
class ScenarioRun(Run):
    """The results of the scenarios; ``equality`` where another engine watched the same calls, as the first."""

    results: tuple[Result, ...]
    equality: Equality | None = None

    @property
    def calls(self) -> list[Judged]:
        """Every listen() of every scenario."""
        return [judged for result in self.results for judged in result.calls]

    @cached_property
    def tally(self) -> Tally:
        """Every verdict, counted."""
        return Tally(judged.verdict for judged in self.calls)

    @cached_property
    def by_scenario(self) -> dict[str, Result]:
        """The results by the names of their scenarios."""
        return {result.scenario: result for result in self.results}

    def word(self, scenario: str) -> str:
        """What stands in its verdict column; empty for one that did not run here."""
        return self.by_scenario[scenario].word if scenario in self.by_scenario else ""

    @property
    def words(self) -> Counter[str]:
        """The scenarios, counted by what stands in their verdict column."""
        return Counter(result.word for result in self.results)

    @property
    def errors(self) -> dict[str, str]:
        """The scenarios that failed by themselves, and how."""
        return {result.scenario: result.error for result in self.results if result.error}

    @property
    def skipped(self) -> dict[str, str]:
        """The scenarios that were skipped, and why."""
        return {result.scenario: result.skip for result in self.results if result.skip}

    @property
    def repeated(self) -> dict[str, int]:
        """The scenarios that were run again, and how often."""
        return {result.scenario: result.repeated for result in self.results if result.repeated}


def scenario_runs(
    settings: Sequence[Setting], kernel: Kernel, results: Iterable[Sequence[Result]], not_run: int = 0
) -> list[ScenarioRun]:
    """A run for each engine, from the results of each scenario, which has one for each engine."""
    by_engine = list(zip(*results, strict=True)) or [()] * len(settings)
    runs = [
        ScenarioRun(setting, kernel, sum(result.lost for result in own), own, not_run=not_run)
        for setting, own in zip(settings, by_engine, strict=True)
    ]
    against = settings[0].full_name
    return [*runs[:1], *(replace(run, equality=_equality(run, against)) for run in runs[1:])]


def _equality(run: ScenarioRun, against: str) -> Equality:
    both = [judged for judged in run.calls if judged.call and judged.other]
    different = sum(any(d.witness is Witness.ENGINE for d in j.verdict.differences) for j in both)
    return Equality(against, len(both) - different, different)
