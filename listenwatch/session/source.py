"""Where the calls of a session come from: an attached engine, or a recording."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

from listenwatch.bpf.loss import Loss
from listenwatch.call.header import Header
from listenwatch.call.record import ListenCall, decode_all
from listenwatch.errors import RecordingError
from listenwatch.linux.kernel import Kernel
from listenwatch.linux.owners import CallOwners
from listenwatch.linux.wakeups import Ending, wake_ups
from listenwatch.model.inputs import EntryPath
from listenwatch.session.backlog import Backlog

if TYPE_CHECKING:
    from listenwatch.call.recording import Recording
    from listenwatch.features.attach import AnyEngine

HURRY = 0.3
"""Seconds of processor time for what waits when a signal ends the watch: who asked for it gets it."""


_SOON = 32
"""How many calls are handed over before the ring is looked at again."""


class Missing(NamedTuple):
    """Calls without a verdict: ``lost`` happened and have no record, ``in_flight`` had not returned at the end.

    For ``left_out`` calls of this machine the kernel did not run the probe: whether one of them was of the
    command that is followed is not known. ``damage`` is what ended a recording before its end, empty if nothing did.
    """

    lost: int
    in_flight: int = 0
    left_out: int = 0
    damage: str = ""


class Seen(NamedTuple):
    """A call, how often the kernel skipped a program of the probe meanwhile, and the record it was decoded from, if any."""

    call: ListenCall
    skipped: int = 0
    record: bytes = b""


class Source(Protocol):
    """Calls of one kernel; ``missing`` is complete once ``calls`` has ended."""

    header: Header
    def calls(self) -> Iterator[Seen]:
        """Every call in the order of the records."""

    @property
    def left(self) -> int:
        """How many calls have been read and not handed over yet."""

    def missing(self) -> Missing:
        """The calls of which there is no record."""


class Attached:
    """The calls an attached engine sees until ``ending`` is over."""

    def __init__(self, engine: AnyEngine, kernel: Kernel, ending: Ending) -> None:
        self.header = Header(kernel, engine.attach, tuple(map(EntryPath, engine.not_seen)))
        self._engine, self._ending = engine, ending
        self._waiting = Backlog()
        self._loss: Loss | None = None
        self._skipped = self._behind = self._unjudged = 0
        self._owners = CallOwners()

    def calls(self) -> Iterator[Seen]:
        """Each call as it returns, and at the end those that wait still."""
        engine = self._engine
        for _ in wake_ups(self._ending, (engine.fileno(),), self._patience):
            self._empty_ring()
            yield from self._decoded(self._waiting.take(), in_between=self._empty_ring)
        begun, limit = time.process_time(), HURRY if self._ending.interrupted else math.inf
        for batch in engine.drain(limit):
            self._waiting.put(batch)
        self._loss = engine.loss()  # what comes while the rest is judged is no part of this watch
        engine.detach()
        while len(self._waiting) and time.process_time() - begun < limit:
            yield from self._decoded(self._waiting.take())
        self._unjudged = self._waiting.calls

    def _patience(self) -> float | None:
        return 0.0 if len(self._waiting) else self._engine.patience()

    def _empty_ring(self) -> None:
        """Calls may come faster than they can be judged and printed: the ring has room for 35,000."""
        while self._waiting.has_room and (batch := self._engine.read()):
            self._waiting.put(batch)

    def _decoded(self, records: list[bytes], in_between: Callable[[], None] = lambda: None) -> Iterator[Seen]:
        skipped = self._engine.skipped()
        meanwhile = skipped - self._skipped
        if not (len(self._waiting) or self._engine.is_behind):  # else there are calls of before that are yet to come
            self._skipped = skipped
        calls = decode_all(records, self._owners.of)
        self._behind = sum(call.repeats for call in calls)
        for number, (call, record) in enumerate(zip(calls, records, strict=True), start=1):
            self._behind -= call.repeats
            yield Seen(call, meanwhile, record)
            if not number % _SOON:
                in_between()

    @property
    def left(self) -> int:
        """How many calls have been read and not handed over yet."""
        return self._behind + self._waiting.calls

    def missing(self) -> Missing:
        """The kernel's own counts, and what was read and not judged as there was no time left."""
        loss = self._loss or self._engine.loss()
        return Missing(loss.lost + self._unjudged, loss.in_flight, loss.left_out)


class Recorded:
    """The calls of a recording; RecordingError where it cannot be read further."""

    left = 0

    def __init__(self, recording: Recording) -> None:
        self.header = recording.header
        self._recording = recording
        self._damage = ""

    def calls(self) -> Iterator[Seen]:
        """Each call as it was recorded."""
        try:
            yield from map(Seen, self._recording.calls())
        except RecordingError as error:
            self._damage = str(error)
            raise

    def missing(self) -> Missing:
        """What the recording says was lost."""
        recording = self._recording
        return Missing(recording.lost, recording.in_flight, recording.left_out, self._damage)
