"""Runs scenarios one after another under the probe and judges every call each of them made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from listenwatch.model.behaviour import Behaviour
from listenwatch.record import Flag, ListenCall, decode
from listenwatch.scenarios import world
from listenwatch.scenarios.judging import Judged, judge_pair
from listenwatch.scenarios.needs import unmet
from listenwatch.scenarios.pairing import pair
from listenwatch.scenarios.registry import Scenario
from listenwatch.verdict import Kind


class Engine(Protocol):
    """What the runner asks of an engine (engines/core.py)."""

    attach: str

    def sync(self) -> list[bytes]:
        """Every record of a call that ended before this one."""
        ...


class Result(NamedTuple):
    """What came of one scenario: its calls, or why it was skipped, or how it failed."""

    scenario: Scenario
    calls: tuple[Judged, ...] = ()
    skip: str = ""
    error: str = ""

    @property
    def kind(self) -> Kind | None:
        """The worst verdict of its calls; None for one skipped, failed or without a call."""
        kinds = {judged.verdict.kind for judged in self.calls}
        return next((kind for kind in WORST_FIRST if kind in kinds), None)

    @property
    def word(self) -> str:
        """The verdict column: a verdict, or SKIP or ERROR."""
        if self.skip:
            return "SKIP"
        if self.kind is Kind.DISAGREE or not (self.error or self.kind is None):
            return self.kind.value
        return "ERROR"


WORST_FIRST = (Kind.DISAGREE, Kind.UNMODELLED, Kind.INCONCLUSIVE, Kind.AGREE)


def run_all(
    scenarios: Iterable[Scenario], engine: Engine, behaviour: Behaviour
) -> Iterator[Result]:
    """Run each scenario and give its result as soon as it is judged."""
    engine.sync()  # tells the probe whose descendants to follow
    for scenario in scenarios:
        yield _run_one(scenario, engine, behaviour)


def _run_one(scenario: Scenario, engine: Engine, behaviour: Behaviour) -> Result:
    for need in scenario.needs:
        reason = unmet(need, engine.attach)
        if reason:
            return Result(scenario, skip=f"needs {need}: {reason}")
    engine.sync()  # what a check of a need may have left
    report = world.run(scenario.function)
    records = followed(engine.sync())
    if report.skip:
        return Result(scenario, skip=report.skip)
    calls = tuple(judge_pair(each, behaviour) for each in pair(report.issued, records))
    error = report.error or ("" if calls else "it made no listen() call")
    return Result(scenario, calls, error=error)


def followed(records: Iterable[bytes]) -> list[ListenCall]:
    """The calls made by descendants of this process; the rest of the machine listens too."""
    return [call for call in map(decode, records) if call.flags & Flag.FOLLOWED]
