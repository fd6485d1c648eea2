"""Runs scenarios one after another under the probe and judges every call each of them made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from listenwatch.model.behaviour import Behaviour
from listenwatch.record import Flag, ListenCall, decode
from listenwatch.scenarios import interrupt, witness, world
from listenwatch.scenarios.equality import Beside
from listenwatch.scenarios.journal import Issued
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

    name: str
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
    """What came of one scenario: its calls, or why it was skipped, or how it failed.

    ``lost`` calls of it have no record; ``repeated`` is how often it was run before, and something missed.
    """

    scenario: Scenario
    calls: tuple[Judged, ...] = ()
    skip: str = ""
    error: str = ""
    lost: int = 0
    repeated: int = 0

    @property
    def kind(self) -> Kind | None:
        """The worst verdict of its calls; None for one skipped, failed or without a call."""
        kinds = {judged.verdict.kind for judged in self.calls}
        return next((kind for kind in WORST_FIRST if kind in kinds), None)

    @property
    def missed(self) -> bool:
        """Whether a probe missed something: a call has no record, or what there is tells not enough."""
        return bool(self.lost) or any(j.verdict.kind is Kind.INCONCLUSIVE for j in self.calls)

    @property
    def word(self) -> str:
        """The verdict column: a verdict, or SKIP or ERROR."""
        if self.skip:
            return "SKIP"
        if self.kind is Kind.DISAGREE or not (self.error or self.kind is None):
            return self.kind.value
        return "ERROR"


ATTEMPTS = 3
"""How often a scenario is run at most until nothing is missed: where threads compete, kernels skip probes.

The first time they may compete, after that they run in turn.
"""

WORST_FIRST = (Kind.DISAGREE, Kind.UNMODELLED, Kind.INCONCLUSIVE, Kind.AGREE)


def run_all(
    scenarios: Iterable[Scenario], engines: Sequence[Engine], behaviour: Behaviour
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


def _run_one(
    scenario: Scenario, engines: Sequence[Engine], behaviour: Behaviour
) -> tuple[Result, ...]:
    skips = [_unmet(scenario, engine.attach) for engine in engines]
    if all(skips):
        return tuple(Result(scenario, skip=skip) for skip in skips)
    results = _attempt(scenario, engines, behaviour, skips)
    repeated = 0
    while any(result.missed for result in results) and repeated + 1 < ATTEMPTS:
        repeated += 1
        results = _attempt(scenario, engines, behaviour, skips, in_turn=True)
    return tuple(result._replace(repeated=repeated) for result in results)


def _attempt(
    scenario: Scenario,
    engines: Sequence[Engine],
    behaviour: Behaviour,
    skips: Sequence[str],
    *,
    in_turn: bool = False,
) -> list[Result]:
    watches = [Watch(engine) for engine in engines]
    report = world.run(scenario.function, in_turn=in_turn)
    for watch in watches:
        watch.end()
    first: Watch | None = None
    results = []
    for watch, skip in zip(watches, skips, strict=True):
        if skip or report.skip:
            results.append(Result(scenario, skip=skip or report.skip))
            continue
        calls = tuple(watch.judge(report.issued, behaviour, first))
        error = report.error or ("" if calls else "it made no listen() call")
        results.append(Result(scenario, calls, error=error, lost=watch.lost))
        first = first or watch
    return results


def _unmet(scenario: Scenario, attach: str) -> str:
    """Why this engine cannot see the scenario, or this kernel cannot run it; empty if both can."""
    for need in scenario.needs:
        if reason := unmet(need, attach):
            return f"needs {need}: {reason}"
    return ""


class Watch:
    """One engine during one scenario: the records it brought, and what the kernel counted meanwhile."""

    def __init__(self, engine: Engine) -> None:
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
        self, issued: Sequence[Issued], behaviour: Behaviour, first: Watch | None
    ) -> Iterator[Judged]:
        """Every call and its verdict; a call the ``first`` engine has a record of is compared with that."""
        paired = list(pair(issued, self._records))
        self._seen = {id(made): seen for made, seen in paired if made and seen}
        judged = (
            judge_pair(each, behaviour, self._skipped, first.beside(each[0]) if first else None)
            for each in paired
        )
        return excuse_lost(judged, self.lost)

    def beside(self, issued: Issued | None) -> Beside | None:
        """This engine's record of a call, for another to be held against."""
        call = self._seen.get(id(issued))
        return Beside(call, self._skipped) if call else None


def _without_record(engine: Engine) -> int:
    """Calls counted so far that have no record; none of a scenario that has ended is still to return."""
    loss = engine.loss()
    return loss.lost + loss.in_flight


def followed(records: Iterable[bytes]) -> list[ListenCall]:
    """The calls made by descendants of this process; the rest of the machine listens too."""
    return [call for call in map(decode, records) if call.flags & Flag.FOLLOWED]
