"""Runs histories under the probe, two workers at a time, and judges every listen() in them."""

import os
import select
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from listenwatch.bpf.engine import Engine
from listenwatch.call.record import ListenCall
from listenwatch.conformance.harness.journal import Issued, Journal
from listenwatch.conformance.harness.judging import Judged, judge_pair
from listenwatch.conformance.harness.process import Forked
from listenwatch.conformance.harness.runner import followed
from listenwatch.conformance.histories.operations import Operations
from listenwatch.conformance.histories.run import FIRST_MARK, Runner
from listenwatch.conformance.histories.split import by_history, pairs
from listenwatch.model.behaviour import Behaviour
from listenwatch.verdict.compare import VerdictKind, inconclusive
from listenwatch.verdict.excuses import Excuse

BATCH = 100
"""Histories a worker runs: a pair of network namespaces costs as much as some ten of them."""

NOT_RUN = "not run: one before it in its batch failed"


class History(NamedTuple):
    """One history that was run: what it did and its judged calls, or why it could not be run."""

    number: int
    operations: Operations
    calls: tuple[Judged, ...] = ()
    error: str = ""

    @property
    def disagrees(self) -> bool:
        """Whether one of its calls does not go as the model says."""
        return any(judged.verdict.kind is VerdictKind.DISAGREE for judged in self.calls)


Batch = list[tuple[int, Operations]]
"""Histories and their numbers in this run, by which their records are known."""


class Worker(Forked):
    """A process that runs a batch of histories; before it the kernel had ``skipped`` programs so often."""

    def __init__(self, batch: Batch, skipped: int) -> None:
        self.batch, self.skipped = batch, skipped
        super().__init__(self._run)

    def _run(self, journal: Journal) -> None:
        runner = Runner(journal)
        for position, (number, operations) in enumerate(self.batch):
            runner.run(number, position, operations)


class Checker:
    """Runs histories and judges them; each gets the next number."""

    def __init__(self, engine: Engine, behaviour: Behaviour) -> None:
        self._engine = engine
        self._behaviour = behaviour
        self._count = 0
        self._records: dict[int, list[ListenCall]] = {}  # by process, of those still under way
        engine.sync()  # tells the probe whose descendants to follow

    def check(
        self, histories: Iterable[Operations], at_once: int | None = None
    ) -> Generator[History, None, None]:
        """What came of each history, batch by batch as they come to their end."""
        coming = iter(histories)
        workers: dict[int, Worker] = {}
        at_once = at_once or os.cpu_count() or 1
        try:
            while True:
                while len(workers) < at_once and (batch := self._number(islice(coming, BATCH))):
                    worker = Worker(batch, self._engine.skipped())
                    workers[worker.fd] = worker
                if not workers:
                    return
                for worker in _ended(workers):
                    del workers[worker.fd]
                    yield from self._judge(worker)
        finally:
            for worker in workers.values():
                worker.end()

    def check_all(self, histories: Sequence[Operations]) -> list[History]:
        """What came of these histories, in their order, run one after another."""
        return sorted(self.check(histories, at_once=1))

    def _number(self, histories: Iterable[Operations]) -> Batch:
        batch = list(enumerate(histories, self._count))
        self._count += len(batch)
        return batch

    def _judge(self, worker: Worker) -> Iterator[History]:
        report = worker.end()
        issued = by_history(report.issued)
        records = by_history(self._take_records(worker))
        skipped = self._engine.skipped() - worker.skipped
        lost = bool(skipped or self._engine.loss().without_record)
        failed = max(issued, default=worker.batch[0][0]) if report.error else None
        for number, operations in worker.batch:
            if failed is None or number < failed:
                made, seen = issued.get(number, ()), records.get(number, ())
                calls = judge_calls(made, seen, self._behaviour, skipped=skipped, lost=lost)
                yield History(number, operations, calls)
            else:
                yield History(number, operations, (), report.error if number == failed else NOT_RUN)

    def _take_records(self, worker: Worker) -> list[ListenCall]:
        """All records of an ended worker: the process that has the mark of its first history."""
        for record in followed(self._engine.sync()):
            self._records.setdefault(record.pid, []).append(record)
        mark = FIRST_MARK - worker.batch[0][0]
        for pid, records in self._records.items():
            if any(record.fd == mark for record in records):
                return self._records.pop(pid)
        return []


def judge_calls(
    issued: Sequence[Issued], records: Sequence[ListenCall], behaviour: Behaviour, *, skipped: int, lost: bool
) -> tuple[Judged, ...]:
    """The verdicts on the calls of a history, during which the kernel skipped a program of the probe ``skipped`` times.

    ``lost``: the kernel's counts say that records were lost, so they count a call without one. A history whose mark is
    among them has its records in the one before.
    """
    judged = []
    for made, seen in pairs(issued, records):
        if lost and (made is None or seen is None):
            judged.append(Judged(made, seen, inconclusive(Excuse.RECORD_LOST if seen is None else Excuse.OTHERS_LOST)))
        else:
            judged.append(judge_pair((made, seen), behaviour, skipped))
    return tuple(judged)


def _ended(workers: dict[int, Worker]) -> list[Worker]:
    """Wait until one has something to say, and return those that have ended."""
    wait = min(worker.seconds_left() for worker in workers.values())
    ready, _, _ = select.select(list(workers), [], [], max(0.0, wait))
    late = [] if ready else [w for w in workers.values() if w.seconds_left() <= 0]
    return [workers[fd] for fd in ready if workers[fd].read()] + late
