"""Runs histories under the probe, two workers at a time, and judges every listen() in them."""

from __future__ import annotations

import os
import select
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol

from listenwatch.histories.program import Program
from listenwatch.histories.run import FIRST_MARK
from listenwatch.histories.split import by_history, pairs
from listenwatch.histories.worker import Numbered, Worker
from listenwatch.model.behaviour import Behaviour
from listenwatch.record import ListenCall
from listenwatch.scenarios.journal import Issued
from listenwatch.scenarios.judging import Judged, judge_pair
from listenwatch.scenarios.pairing import Pair
from listenwatch.scenarios.runner import followed
from listenwatch.verdict import Kind, Verdict

BATCH = 100
"""Histories a worker runs: a pair of network namespaces costs as much as some ten of them."""

LOST = "the probe lost the record of this call: see the number of lost ones"
NOT_RUN = "not run: one before it in its batch failed"


class Loss(Protocol):
    """engines.loss.Loss."""

    @property
    def lost(self) -> int:
        """Calls that happened and have no record."""
        ...


class Engine(Protocol):
    """What is asked of an engine (engines/engine.py)."""

    def sync(self) -> list[bytes]:
        """Every record of a call that ended before this one."""
        ...

    def loss(self) -> Loss:
        """The kernel's own counts."""
        ...


class History(NamedTuple):
    """One history that was run: its program and its judged calls, or why it could not be run."""

    number: int
    program: Program
    calls: tuple[Judged, ...] = ()
    error: str = ""

    @property
    def disagrees(self) -> bool:
        """Whether one of its calls does not go as the model says."""
        return any(judged.verdict.kind is Kind.DISAGREE for judged in self.calls)


class Checker:
    """Runs programs and judges them; each gets the next number."""

    def __init__(self, engine: Engine, behaviour: Behaviour) -> None:
        self._engine = engine
        self._behaviour = behaviour
        self._count = 0
        self._records: dict[int, list[ListenCall]] = {}  # by process, of those still under way
        engine.sync()  # tells the probe whose descendants to follow

    def check(
        self, programs: Iterable[Program], at_once: int | None = None
    ) -> Generator[History, None, None]:
        """The outcome of each program, batch by batch as they come to their end."""
        coming = iter(programs)
        workers: dict[int, Worker] = {}
        at_once = at_once or os.cpu_count() or 1
        try:
            while True:
                while len(workers) < at_once and (batch := self._number(islice(coming, BATCH))):
                    worker = Worker(batch)
                    workers[worker.fd] = worker
                if not workers:
                    return
                for worker in _ended(workers):
                    del workers[worker.fd]
                    yield from self._judge(worker)
        finally:
            for worker in workers.values():
                worker.abandon()

    def check_all(self, programs: Sequence[Program]) -> list[History]:
        """The outcomes of these programs, in their order, run one after another."""
        return sorted(self.check(programs, at_once=1))

    def _number(self, programs: Iterable[Program]) -> list[Numbered]:
        batch = [Numbered(self._count + n, program) for n, program in enumerate(programs)]
        self._count += len(batch)
        return batch

    def _judge(self, worker: Worker) -> Iterator[History]:
        report = worker.end()
        issued = by_history(report.issued)
        records = by_history(self._take_records(worker))
        failed = max(issued, default=worker.batch[0].number) if report.error else None
        for number, program in worker.batch:
            if failed is None or number < failed:
                calls = self._judge_calls(issued.get(number, ()), records.get(number, ()))
                yield History(number, program, calls)
            else:
                yield History(number, program, (), report.error if number == failed else NOT_RUN)

    def _take_records(self, worker: Worker) -> list[ListenCall]:
        """All records of an ended worker: the process that has the mark of its first history."""
        for record in followed(self._engine.sync()):
            self._records.setdefault(record.pid, []).append(record)
        mark = FIRST_MARK - worker.batch[0].number
        for pid, records in self._records.items():
            if any(record.fd == mark for record in records):
                return self._records.pop(pid)
        return []

    def _judge_calls(
        self, issued: Sequence[Issued], records: Sequence[ListenCall]
    ) -> tuple[Judged, ...]:
        paired = pairs(issued, records)
        if any(record is None for _, record in paired) and self._engine.loss().lost:
            return tuple(map(self._judge_lossy, paired))
        return tuple(judge_pair(each, self._behaviour) for each in paired)

    def _judge_lossy(self, each: Pair) -> Judged:
        """A call without a record where the kernel's counts say that records were lost: they count it."""
        if each[1] is None:
            return Judged(*each, Verdict(Kind.INCONCLUSIVE, "none", "not-reached", LOST))
        return judge_pair(each, self._behaviour)


def _ended(workers: dict[int, Worker]) -> list[Worker]:
    """Wait until one has something to say, and return those that have ended."""
    wait = min(worker.seconds_left() for worker in workers.values())
    ready, _, _ = select.select(list(workers), [], [], max(0.0, wait))
    late = [] if ready else [w for w in workers.values() if w.seconds_left() <= 0]
    return [workers[fd] for fd in ready if workers[fd].read()] + late
