"""Runs scenarios one after another under the probe and judges every call each of them made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from listenwatch.model.behaviour import Behaviour
from listenwatch.record import Flag, ListenCall, decode
from listenwatch.scenarios import interrupt, world
from listenwatch.scenarios.judging import Judged, excuse_lost, judge_pair
from listenwatch.scenarios.needs import unmet
from listenwatch.scenarios.pairing import pair
from listenwatch.scenarios.registry import Scenario
from listenwatch.verdict import Kind


class Loss(Protocol):
    """The part of an engine's counts that says what has no record."""

    @property
    def lost(self) -> int:
        """Calls that happened and have no record."""
        ...

    @property
    def in_flight(self) -> int:
        """Calls whose return was not seen so far."""
        ...


class Engine(Protocol):
    """What the runner asks of an engine (engines/engine.py)."""

    attach: str

    def loss(self) -> Loss:
        """What the kernel counted."""
        ...

    def sync(self) -> list[bytes]:
        """Every record of a call that ended before this one."""
        ...

    def skipped(self) -> int:
        """How often the kernel skipped one of our programs."""
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
        with interrupt.held():
            result = _run_one(scenario, engine, behaviour)
        yield result


def _run_one(scenario: Scenario, engine: Engine, behaviour: Behaviour) -> Result:
    for need in scenario.needs:
        reason = unmet(need, engine.attach)
        if reason:
            return Result(scenario, skip=f"needs {need}: {reason}")
    engine.sync()  # what a check of a need may have left
    lost, skipped = _without_record(engine), engine.skipped()
    report = world.run(scenario.function)
    records = followed(engine.sync())
    if report.skip:
        return Result(scenario, skip=report.skip)
    skipped = engine.skipped() - skipped
    judged = [judge_pair(each, behaviour, skipped) for each in pair(report.issued, records)]
    calls = tuple(excuse_lost(judged, _without_record(engine) - lost))
    error = report.error or ("" if calls else "it made no listen() call")
    return Result(scenario, calls, error=error)


def _without_record(engine: Engine) -> int:
    """Calls counted so far that have no record; none of a scenario that has ended is still to return."""
    loss = engine.loss()
    return loss.lost + loss.in_flight


def followed(records: Iterable[bytes]) -> list[ListenCall]:
    """The calls made by descendants of this process; the rest of the machine listens too."""
    return [call for call in map(decode, records) if call.flags & Flag.FOLLOWED]
