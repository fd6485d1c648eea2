"""The exporter: two probes, one thread that counts and looks, one that judges calls, and answers for whoever scrapes."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import NamedTuple, Self

from listenwatch.bpf.engine import Engine
from listenwatch.bpf.overflow import OverflowProbe
from listenwatch.call.record import ListenCall
from listenwatch.exporter import look
from listenwatch.exporter.calls import Calls
from listenwatch.exporter.counting import Attribution
from listenwatch.exporter.desk import Desk
from listenwatch.exporter.labels import Named
from listenwatch.exporter.names import Names
from listenwatch.exporter.placing import Placing, local_ports
from listenwatch.exporter.samples import Moment, Sample, samples_of
from listenwatch.exporter.series import SeriesTable
from listenwatch.features.behaviour import behaviour_of
from listenwatch.linux.kernel import Kernel
from listenwatch.linux.processes import shows_every_process
from listenwatch.linux.wakeups import Ending, UntilStopped, wake_ups
from listenwatch.overflow.watch import OverflowEvent
from listenwatch.session.filters import CallFilter
from listenwatch.session.session import Session
from listenwatch.session.source import Attached
from listenwatch.verdict.compare import Verdict
from listenwatch.version import __version__

SHARE = 0.1
"""Of one processor: taking counts happens less often where it takes long."""


class Bounds(NamedTuple):
    """``most_series`` listeners have their own; seconds between two takings of counts; until what is gone is forgotten;
    and for how long a listener counts as one that does not last."""

    most_series: int = 1000
    interval: float = 5.0
    forget: float = 900.0
    young: float = 60.0


class Shown(NamedTuple):
    """Who is told of events: of each call in the thread of calls, of overflows in the main one; and how many were dropped."""

    call: Callable[[ListenCall, Verdict], None] = lambda _call, _verdict: None
    overflow: Callable[[OverflowEvent], None] = lambda _event: None
    dropped: Callable[[], int] = lambda: 0


class Exporter:
    """Counts from its creation on; a context manager. ``desk`` is where scrapes ask."""

    def __init__(self, engine: Engine, probe: OverflowProbe, kernel: Kernel, bounds: Bounds, shown: Shown, named: Named | None = None) -> None:
        self._engine, self._bounds, self._shown = engine, bounds, shown
        self._table = SeriesTable(bounds.most_series, bounds.forget)
        self._names = Names(named=named)
        placing = Placing(self._names, self._table, bounds.young, local_ports())
        self._attribution = Attribution(probe, placing, bounds.forget)
        self._placing, self._behaviour = placing, behaviour_of(kernel)
        self._stopped = UntilStopped()
        self._failed = os.eventfd(0, os.EFD_CLOEXEC)
        session = Session(Attached(engine, kernel, self._stopped), CallFilter())
        self._calls = Calls(session, self._stopped, self._names, shown.call, lambda: os.eventfd_write(self._failed, 1))
        self._table.show(look.take(placing, self._behaviour, self._calls.of).states)  # those of before are no newcomers
        self._info = __version__, kernel.release, engine.attach, probe.attach
        self._is_inside = not shows_every_process()
        self._lost = 0
        self._due = 0.0
        self.desk = Desk(fresh=min(1.0, bounds.interval))

    def __enter__(self) -> Self:
        self._calls.start()
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as ends:
            ends.callback(self._stopped.close)
            ends.callback(os.close, self._failed)
            ends.callback(self._calls.stop)
            ends.callback(self.desk.close)

    def run(self, ending: Ending) -> None:
        """Until the end. What ended the thread of calls is raised here."""
        for _ in wake_ups(ending, (self.desk.fileno(), self._failed), lambda: self._due - time.monotonic()):
            if self._calls.error:
                raise self._calls.error
            began = time.monotonic()
            if self.desk.take_request():
                self.desk.answer(self._samples(), began)
            elif began >= self._due:
                self._count()
                taken = time.monotonic() - began
                self._due = began + max(self._bounds.interval, taken / SHARE)
        self._count()

    def _count(self) -> None:
        for event in self._attribution.take():
            self._shown.overflow(event)

    def _samples(self) -> Sequence[Sample]:
        began = time.monotonic()
        self._count()
        seen = look.take(self._placing, self._behaviour, self._calls.of)
        self._table.show(seen.states)
        self._lost = max(self._lost, self._engine.loss().lost)
        counters = self._attribution.compare(seen.namespaces, self._calls.take_namespaces())
        hidden = self._attribution.never_read() if self._is_inside else 0
        moment = Moment(
            seen, time.monotonic() - began, counters, self._attribution.unplaced(), self._calls.counts(), self._lost,
            self._shown.dropped(), self._attribution.occupancy(), self._info, hidden, self._is_inside,
        )  # fmt: skip
        return list(samples_of(moment, self._table, self._bounds.most_series))
