"""A run of many histories: every verdict, and of those that disagree the smallest that still does."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

from listenwatch.bpf.engine import Engine
from listenwatch.conformance.harness.judging import Judged
from listenwatch.conformance.histories.check import Checker, History
from listenwatch.conformance.histories.generate import generate
from listenwatch.conformance.histories.operations import Operations
from listenwatch.conformance.histories.shrink import shrink
from listenwatch.conformance.run import Run, Tally
from listenwatch.conformance.setting import Setting
from listenwatch.linux import interrupt
from listenwatch.linux.kernel import Kernel
from listenwatch.model.behaviour import Behaviour
from listenwatch.verdict.compare import VerdictKind
from listenwatch.verdict.excuses import Excuse

SHRUNK = 3
"""Of how many histories that disagree the smallest that still does is looked for."""

Unknown = Excuse | tuple[int, int, int] | str
"""Why a call proves nothing: an excuse, or its family, type and protocol that have no model.

Read back from JSON, in words.
"""


class Failure(NamedTuple):
    """A history that disagreed, by its number, and the smallest one that still does.

    ``smallest`` is None if it did not disagree again, run by itself, or was not looked for. ``calls`` are those of the
    smallest, or else of the whole; read back from JSON, only those that disagree.
    """

    history: int
    operations: Operations
    smallest: Operations | None
    calls: tuple[Judged, ...]

    @property
    def shown(self) -> Operations:
        """The one to look at."""
        return self.smallest or self.operations

    @property
    def disagreeing(self) -> list[Judged]:
        """Its calls that disagree."""
        return [judged for judged in self.calls if judged.verdict.kind is VerdictKind.DISAGREE]


@dataclass(frozen=True)
class Campaign(Run):
    """``verdicts`` counts those of every listen() in the ``histories`` histories, ``unknown`` why some prove nothing.

    ``disagreeing`` are the numbers of the histories that disagree, ``failures`` the first of them,
    and ``failed`` those that could not be run, with the reason.
    """

    seed: int
    histories: int
    seconds: float
    verdicts: Tally
    unknown: Counter[Unknown]
    disagreeing: tuple[int, ...]
    failures: tuple[Failure, ...]
    failed: dict[str, str]

    @property
    def tally(self) -> Tally:
        """Every verdict, counted."""
        return self.verdicts

    @property
    def errors(self) -> dict[str, str]:
        """The histories that could not be run, by their number, and why."""
        return self.failed


def run_campaign(
    engine: Engine,
    behaviour: Behaviour,
    setting: Setting,
    kernel: Kernel,
    seed: int,
    count: int,
    heard: Callable[[History], None],
) -> Campaign:
    """Run ``count`` histories of the seed; ``heard`` is called with each as it comes. An interrupt ends it with those."""
    started = time.monotonic()
    checker = Checker(engine, behaviour)
    tally, unknown = Tally(), Counter[Unknown]()
    disagreeing: list[History] = []
    failed: dict[str, str] = {}
    done = 0
    try:
        with closing(checker.check(generate(seed, number) for number in range(count))) as results:
            for history in results:
                with interrupt.held():  # what is counted is what was printed, whole
                    heard(history)
                    for judged in history.calls:
                        tally.add(judged.verdict)
                        if why := _unknown(judged):
                            unknown[why] += 1
                    if history.disagrees:
                        disagreeing.append(history)
                    if history.error:
                        failed[str(history.number)] = history.error
                    done += 1
    except interrupt.Interrupted:
        raise
    except KeyboardInterrupt:
        pass
    seconds = time.monotonic() - started
    disagreeing.sort()
    as_it_is = done < count  # whoever interrupts does not wait for smaller ones
    failures = tuple(
        Failure(history.number, history.operations, None, history.calls) if as_it_is else _shrunk(history, checker)
        for history in disagreeing[:SHRUNK]
    )
    numbers = tuple(history.number for history in disagreeing)
    lost = engine.loss().without_record
    return Campaign(
        setting, kernel, lost, seed, done, seconds, tally, unknown, numbers, failures, failed, not_run=count - done
    )


def _unknown(judged: Judged) -> Unknown | None:
    if judged.verdict.kind is VerdictKind.UNMODELLED and judged.call:
        pre = judged.call.pre
        return pre.family, pre.type, pre.protocol
    return judged.verdict.excuse


def _shrunk(history: History, checker: Checker) -> Failure:
    def disagrees(candidates: Sequence[Operations]) -> list[bool]:
        return [run.disagrees for run in checker.check_all(candidates)]

    smallest = checker.check_all([shrink(history.operations, disagrees)])[0]
    if smallest.disagrees:
        return Failure(history.number, history.operations, smallest.operations, smallest.calls)
    return Failure(history.number, history.operations, None, history.calls)
