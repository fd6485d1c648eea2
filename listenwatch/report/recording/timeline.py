"""How many calls went which way, and when: bars over time, of whatever length, in a bounded memory."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from listenwatch.call.record import Flag, ListenCall
from listenwatch.verdict.compare import Verdict, VerdictKind
from listenwatch.verdict.conditions import is_clamped

MOST = 120
"""Bars at most: their width doubles where there would be more."""
_NARROWEST = 1_000_000
_HEIGHT = 100.0


class CallKind(Enum):
    """What a person looks for in a call: the first that fits. The value is the word of the page."""

    DISAGREE = "disagree"
    UNKNOWN = "not known"
    FAILED = "failed"
    CLAMPED = "clamped"
    AS_ASKED = "as asked"


def kind_of(call: ListenCall, verdict: Verdict) -> CallKind:
    """Of a judged call."""
    if verdict.kind is VerdictKind.DISAGREE:
        return CallKind.DISAGREE
    if verdict.kind is not VerdictKind.AGREE or not call.flags & Flag.RETURNED:
        return CallKind.UNKNOWN
    if call.result:
        return CallKind.FAILED
    return CallKind.CLAMPED if is_clamped(call, verdict) else CallKind.AS_ASKED


class Segment(NamedTuple):
    """One colour of a bar, in the units of the picture: from the top, downwards."""

    kind: CallKind
    top: float
    height: float


class Bar(NamedTuple):
    """The calls that began in one interval: its place on the line, what to say of it, and its colours."""

    place: int
    title: str
    number: int
    segments: list[Segment]


class Timeline:
    """Counts calls; ``kinds`` are those of all of them."""

    def __init__(self) -> None:
        self.width_ns = _NARROWEST
        self.kinds: Counter[CallKind] = Counter()
        self._counts: dict[int, Counter[CallKind]] = {}

    def add(self, time_ns: int, kind: CallKind, number: int = 1) -> None:
        """Count a call, or ``number`` of them."""
        self.kinds[kind] += number
        self._counts.setdefault(time_ns // self.width_ns, Counter())[kind] += number
        while max(self._counts) - min(self._counts) >= MOST:
            self._double()

    def _double(self) -> None:
        self.width_ns *= 2
        halves, self._counts = self._counts, {}
        for place, counts in halves.items():
            self._counts.setdefault(place // 2, Counter()).update(counts)

    @property
    def span(self) -> tuple[str, str]:
        """When the first bar begins and the last one ends; empty without calls."""
        if not self._counts:
            return "", ""
        return self._time(min(self._counts)), self._time(max(self._counts) + 1)

    @property
    def length(self) -> int:
        """How many bars there is room for."""
        return max(self._counts) - min(self._counts) + 1 if self._counts else 0

    @property
    def highest(self) -> int:
        """The most calls of a bar."""
        return max((counts.total() for counts in self._counts.values()), default=0)

    def bars(self) -> Iterator[Bar]:
        """In the order of time."""
        first, highest = min(self._counts, default=0), self.highest
        for place, counts in sorted(self._counts.items()):
            top, segments = _HEIGHT, []
            for kind in reversed(CallKind):
                if counts[kind]:
                    height = _HEIGHT * counts[kind] / highest
                    top -= height
                    segments.append(Segment(kind, round(top, 2), round(height, 2)))
            numbers = ", ".join(f"{counts[kind]} {kind.value}" for kind in CallKind if counts[kind])
            title = f"{self._time(place)} to {self._time(place + 1)}: {numbers}"
            yield Bar(place - first, title, place, segments)

    def bar_of(self, time_ns: int) -> int:
        """The number of the bar a call is in."""
        return time_ns // self.width_ns

    def _time(self, place: int) -> str:
        return time_text(place * self.width_ns)


def time_text(time_ns: int) -> str:
    """``2026-11-28 17:23:33.139``, in UTC; what no calendar has as a plain number of seconds."""
    try:
        time = datetime.fromtimestamp(time_ns // 1_000_000 / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{time_ns / 10**9:.3f} s"
    return f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond // 1000:03d}"
