"""Where the calls of a session come from: an attached engine, or a recording."""

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

from listenwatch.call.record import ListenCall, decode_all
from listenwatch.call.recording import Header, Recording
from listenwatch.errors import RecordingError
from listenwatch.linux.kernel import Kernel
from listenwatch.linux.owners import CallOwners
from listenwatch.linux.wakeups import Ending, wake_ups
from listenwatch.model.inputs import EntryPath

if TYPE_CHECKING:
    from listenwatch.features.attach import AnyEngine

HURRY = 0.3
"""Seconds of processor time for what waits in the ring when a signal ends the watch: who asked for it gets it."""


class Missing(NamedTuple):
    """Calls without a verdict: ``lost`` happened and have no record, ``in_flight`` had not returned at the end.

    For ``left_out`` calls of this machine the kernel did not run the probe: whether one of them was of the
    command that is followed is not known. ``damage`` is what ended a recording before its end, empty if nothing did.
    """

    lost: int
    in_flight: int = 0
    left_out: int = 0
    damage: str = ""


class Source(Protocol):
    """Calls of one kernel; ``missing`` is complete once ``calls`` has ended."""

    header: Header
    left: int
    """How many calls have been read and not handed over yet."""

    def calls(self) -> Iterator[tuple[ListenCall, int]]:
        """Every call in the order of the records, and how often the kernel skipped a program of the probe meanwhile."""

    def missing(self) -> Missing:
        """The calls of which there is no record."""


class Attached:
    """The calls an attached engine sees until ``ending`` is over."""

    def __init__(self, engine: "AnyEngine", kernel: Kernel, ending: Ending) -> None:
        self.header = Header(kernel, engine.attach, tuple(map(EntryPath, engine.not_seen)))
        self._engine, self._ending = engine, ending
        self._skipped = self.left = 0
        self._owners = CallOwners()

    def calls(self) -> Iterator[tuple[ListenCall, int]]:
        """Each call as it returns, and at the end those that wait in the ring."""
        engine = self._engine
        for _ in wake_ups(self._ending, (engine.fileno(),), engine.patience):
            yield from self._decoded(engine.read())
        for batch in engine.drain(HURRY if self._ending.interrupted else math.inf):
            yield from self._decoded(batch)

    def _decoded(self, records: Iterable[bytes]) -> Iterator[tuple[ListenCall, int]]:
        skipped = self._engine.skipped()
        meanwhile, self._skipped = skipped - self._skipped, skipped
        calls = decode_all(records, self._owners.of)
        for self.left, call in zip(reversed(range(len(calls))), calls, strict=True):
            yield call, meanwhile

    def missing(self) -> Missing:
        """The kernel's own counts."""
        loss = self._engine.loss()
        return Missing(loss.lost, loss.in_flight, loss.left_out)


class Recorded:
    """The calls of a recording; RecordingError where it cannot be read further."""

    left = 0

    def __init__(self, recording: Recording) -> None:
        self.header = recording.header
        self._recording = recording
        self._damage = ""

    def calls(self) -> Iterator[tuple[ListenCall, int]]:
        """Each call as it was recorded."""
        try:
            for call in self._recording.calls():
                yield call, 0
        except RecordingError as error:
            self._damage = str(error)
            raise

    def missing(self) -> Missing:
        """What the recording says was lost."""
        recording = self._recording
        return Missing(recording.lost, recording.in_flight, recording.left_out, self._damage)
