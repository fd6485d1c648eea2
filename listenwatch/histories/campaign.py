"""A run of many histories: every verdict, and of those that disagree the smallest program that still does."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import NamedTuple

from listenwatch.histories.check import Checker, Engine, History
from listenwatch.histories.generate import generate
from listenwatch.histories.program import Program, to_json
from listenwatch.histories.shrink import shrink
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.rules import BacklogRule, Rule
from listenwatch.summary import Summary, summarise
from listenwatch.verdict import Kind, Verdict

SHRUNK = 3
"""Of how many histories that disagree the smallest program is looked for."""


class Failure(NamedTuple):
    """A history that disagreed, and the smallest one that still does; None if it did not, run by itself."""

    history: History
    smallest: History | None

    def as_json(self) -> dict[str, object]:
        """The programs, and the reasons of the one that counts."""
        shown = self.smallest or self.history
        return {
            "history": self.history.number,
            "program": to_json(self.history.program),
            "smallest": to_json(self.smallest.program) if self.smallest else None,
            "reasons": [j.verdict.reason for j in shown.calls if j.verdict.kind is Kind.DISAGREE],
        }


class Campaign(NamedTuple):
    """All that came of a run; ``verdicts`` has one for each listen() in the ``histories`` histories."""

    seed: int
    histories: int
    seconds: float
    verdicts: Sequence[Verdict]
    disagreeing: tuple[int, ...]
    failures: tuple[Failure, ...]
    errors: tuple[History, ...]
    lost: int
    setting: dict[str, str]

    @property
    def summary(self) -> Summary:
        """The calls, counted by verdict."""
        return summarise((verdict.kind for verdict in self.verdicts), self.lost)

    def exit_status(self, *, strict: bool = False) -> int:
        """As Summary says; a history that failed by itself makes a run incomplete (4)."""
        return self.summary.exit_status(strict=strict) or (4 if self.errors else 0)

    def rules(self) -> tuple[dict[str, int], dict[str, int]]:
        """How often each Rule and each BacklogRule explained a call that agreed."""
        agreed = [verdict for verdict in self.verdicts if verdict.kind is Kind.AGREE]
        by_rule = Counter(verdict.rule for verdict in agreed)
        by_backlog_rule = Counter(verdict.backlog_rule for verdict in agreed)
        return (
            {rule.value: by_rule[rule.value] for rule in Rule},
            {rule.value: by_backlog_rule[rule.value] for rule in BacklogRule},
        )

    def reasons(self) -> Counter[str]:
        """Why calls were inconclusive or unmodelled, and how many for each reason."""
        kinds = (Kind.INCONCLUSIVE, Kind.UNMODELLED)
        return Counter(v.reason.split(" (", 1)[0] for v in self.verdicts if v.kind in kinds)

    def as_json(self) -> dict[str, object]:
        """The last object of ``--json``."""
        rules, backlog_rules = self.rules()
        return {
            **self.summary._asdict(),
            "seed": self.seed,
            "histories": self.histories,
            "seconds": round(self.seconds, 2),
            "reasons": dict(self.reasons()),
            "disagreeing": list(self.disagreeing),
            "failures": [failure.as_json() for failure in self.failures],
            "errors": {str(history.number): history.error for history in self.errors},
            "rules": rules,
            "backlog_rules": backlog_rules,
            **self.setting,
        }


def run_campaign(
    engine: Engine,
    behaviour: Behaviour,
    seed: int,
    histories: int,
    setting: dict[str, str],
    tell: Callable[[int, History], None],
) -> Campaign:
    """Run that many histories of the seed; ``tell`` hears of each, with how many there were so far."""
    started = time.monotonic()
    checker = Checker(engine, behaviour)
    verdicts: list[Verdict] = []
    disagreeing: list[History] = []
    errors: list[History] = []
    programs = (generate(seed, number) for number in range(histories))
    with closing(checker.check(programs)) as results:
        for count, history in enumerate(results, 1):
            tell(count, history)
            verdicts += (_light(judged.verdict) for judged in history.calls)
            if history.disagrees:
                disagreeing.append(history)
            if history.error:
                errors.append(history)
    seconds = time.monotonic() - started
    disagreeing.sort()
    failures = tuple(_shrunk(history, checker) for history in disagreeing[:SHRUNK])
    numbers = tuple(history.number for history in disagreeing)
    lost = engine.loss().lost
    return Campaign(
        seed, histories, seconds, verdicts, numbers, failures, tuple(errors), lost, setting
    )


def _light(verdict: Verdict) -> Verdict:
    """Without what only tells how: there are many."""
    reason = "" if verdict.kind is Kind.AGREE else verdict.reason
    return verdict._replace(reason=reason, differences=(), outcome=None)


def _shrunk(history: History, checker: Checker) -> Failure:
    def disagrees(programs: Sequence[Program]) -> list[bool]:
        return [run.disagrees for run in checker.check_all(programs)]

    smallest = checker.check_all([shrink(history.program, disagrees)])[0]
    return Failure(history, smallest if smallest.disagrees else None)
