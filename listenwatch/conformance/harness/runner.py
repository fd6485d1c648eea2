"""Runs scenarios one after another under the probe and judges every call each of them made."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from listenwatch.call.record import Flag, ListenCall, decode_all
from listenwatch.conformance.harness import process, witness
from listenwatch.conformance.harness.equality import OtherRecord
from listenwatch.conformance.harness.journal import Issued
from listenwatch.conformance.harness.judging import Judged, excuse_lost, judge_pair
from listenwatch.conformance.harness.needs import unmet
from listenwatch.conformance.harness.pairing import pair
from listenwatch.conformance.harness.registry import Scenario
from listenwatch.conformance.run import Result
from listenwatch.linux import interrupt
from listenwatch.model.behaviour import Behaviour

if TYPE_CHECKING:
    from listenwatch.features.attach import AnyEngine

ATTEMPTS = 3
"""How often a scenario is run at most until nothing is missed: where threads compete, kernels skip probes.

The first time they may compete, after that they run in turn.
"""


def run_all(
    scenarios: Iterable[Scenario], engines: "Sequence[AnyEngine]", behaviour: Behaviour
) -> Iterator[tuple[Result, ...]]:
    """Run each scenario once under all the engines; one result for each engine as soon as it is judged.

    Each engine's records are judged for themselves, and those of the second and later ones are
    also held against what the first one saw of the same calls.
    """
    witness.warm_up()
    for engine in engines:
        engine.sync()  # tells the probe whose descendants to follow
    for scenario in scenarios:
        with interrupt.held():
            results = _run_one(scenario, engines, behaviour)
        yield results


def _run_one(scenario: Scenario, engines: "Sequence[AnyEngine]", behaviour: Behaviour) -> tuple[Result, ...]:
    skips = [_unmet(scenario, engine.attach) for engine in engines]
    if all(skips):
        return tuple(Result(scenario.name, skip=skip) for skip in skips)
    for repeated in range(ATTEMPTS):
        results = _attempt(scenario, engines, behaviour, skips, in_turn=repeated > 0)
        if not any(result.missed for result in results):
            break
    return tuple(result._replace(repeated=repeated) for result in results)


def _attempt(
    scenario: Scenario, engines: "Sequence[AnyEngine]", behaviour: Behaviour, skips: Sequence[str], *, in_turn: bool
) -> list[Result]:
    observers = [_Observer(engine) for engine in engines]
    prepare = next((engine.enter_child for engine in engines if engine.enter_child), None)
    report = process.run(scenario.function, in_turn=in_turn, prepare=prepare)
    for observer in observers:
        observer.end()
    first: _Observer | None = None
    results = []
    for observer, skip in zip(observers, skips, strict=True):
        if skip or report.skip:
            results.append(Result(scenario.name, skip=skip or report.skip))
            continue
        calls = tuple(observer.judge(report.issued, behaviour, first))
        error = report.error or ("" if calls else "it made no listen() call")
        results.append(Result(scenario.name, calls, error=error, lost=observer.lost))
        first = first or observer
    return results


def _unmet(scenario: Scenario, attach: str) -> str:
    """Why this engine cannot see the scenario, or this kernel cannot run it; empty if both can."""
    reasons = ((need, unmet(need, attach)) for need in scenario.needs)
    return next((f"needs {need}: {reason}" for need, reason in reasons if reason), "")


class _Observer:
    """One engine during one scenario: the records it brought, and what the kernel counted meanwhile."""

    def __init__(self, engine: "AnyEngine") -> None:
        self._engine = engine
        engine.sync()  # what a check of a need may have left
        self.lost, self._skipped = _without_record(engine), engine.skipped()
        self._seen: dict[int, ListenCall] = {}  # by the id() of the call as it was issued

    def end(self) -> None:
        """The scenario's process has ended."""
        self._records = followed(self._engine.sync())
        self.lost = _without_record(self._engine) - self.lost
        self._skipped = self._engine.skipped() - self._skipped

    def judge(
        self, issued: Sequence[Issued], behaviour: Behaviour, first: "_Observer | None"
    ) -> Iterator[Judged]:
        """Every call and its verdict; a call the ``first`` engine has a record of is compared with that."""
        paired = list(pair(issued, self._records))
        self._seen = {id(made): call for made, call in paired if made and call}
        judged = (
            judge_pair((made, call), behaviour, self._skipped, first.record_of(made) if first else None)
            for made, call in paired
        )
        return excuse_lost(judged, self.lost)

    def record_of(self, issued: Issued | None) -> OtherRecord | None:
        """This engine's record of a call, for another to be held against."""
        call = self._seen.get(id(issued))
        return OtherRecord(call, self._skipped) if call else None


def _without_record(engine: "AnyEngine") -> int:
    """Calls counted so far that have no record; none of a scenario that has ended is still to return."""
    loss = engine.loss()
    return loss.without_record + loss.in_flight


def followed(records: Iterable[bytes]) -> list[ListenCall]:
    """The calls made by descendants of this process; the rest of the machine listens too."""
    calls = (call for call in decode_all(records) if call.flags & Flag.FOLLOWED)
    return [call for call in calls for _ in range(call.repeats)]
