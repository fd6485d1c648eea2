"""What a run of ``verify`` comes to: totals and rules, derived from the list of results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from listenwatch.model.rules import BacklogRule, Rule
from listenwatch.scenarios.equality import AGAINST
from listenwatch.scenarios.judging import Judged
from listenwatch.scenarios.runner import Result
from listenwatch.summary import Summary, summarise
from listenwatch.verdict import Kind


class Compared(NamedTuple):
    """How many records were held against another engine's of the same calls, and how it went."""

    equal: int
    different: int


class Verification(NamedTuple):
    """Every result of one engine in a run, its calls lost meanwhile, and what it ran on, by name."""

    results: Sequence[Result]
    lost: int
    setting: dict[str, str]

    @property
    def calls(self) -> list[Judged]:
        """Every listen() of every scenario."""
        return [judged for result in self.results for judged in result.calls]

    @property
    def summary(self) -> Summary:
        """The calls, counted by verdict."""
        return summarise((judged.verdict.kind for judged in self.calls), self.lost)

    @property
    def words(self) -> Counter[str]:
        """The scenarios, counted by what stands in their verdict column."""
        return Counter(result.word for result in self.results)

    @property
    def errors(self) -> int:
        """Scenarios that failed by themselves, whatever the verdicts on the calls they made first."""
        return sum(bool(result.error) for result in self.results)

    def exit_status(self, *, strict: bool = False) -> int:
        """As Summary says; a scenario that failed makes a run incomplete (4)."""
        return self.summary.exit_status(strict=strict) or (4 if self.errors else 0)

    def beside(self) -> Compared:
        """The records of calls that the first engine of the run recorded too."""
        both = [judged for judged in self.calls if judged.call and judged.beside]
        different = sum(
            any(d.field.endswith(AGAINST) for d in judged.verdict.differences) for judged in both
        )
        return Compared(len(both) - different, different)

    def rules(self) -> tuple[Counter[str], Counter[str]]:
        """How often each Rule and each BacklogRule explained a call that agreed; 0 for the others."""
        agreed = [j.verdict for j in self.calls if j.verdict.kind is Kind.AGREE]
        return (
            _count((rule.value for rule in Rule), (verdict.rule for verdict in agreed)),
            _count((rule.value for rule in BacklogRule), (v.backlog_rule for v in agreed)),
        )

    def skips(self) -> Counter[str]:
        """The reasons scenarios were skipped for, and how many for each."""
        return Counter(result.skip for result in self.results if result.skip)

    def as_json(self) -> dict[str, object]:
        """The last object of ``--json``: calls by verdict, scenarios, rules, and what it ran on."""
        rules, backlog_rules = self.rules()
        return {
            **self.summary._asdict(),
            "scenarios": len(self.results),
            "scenario_names": [result.scenario.name for result in self.results],
            "skipped": {r.scenario.name: r.skip for r in self.results if r.skip},
            "repeated": {r.scenario.name: r.repeated for r in self.results if r.repeated},
            "errors": {r.scenario.name: r.error for r in self.results if r.error},
            "rules": dict(rules),
            "backlog_rules": dict(backlog_rules),
            **self.setting,
        }


def _count(names: Iterable[str], seen: Iterable[str]) -> Counter[str]:
    counter = Counter(dict.fromkeys(names, 0))
    counter.update(seen)
    return counter
