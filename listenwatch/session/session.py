"""The one loop: calls of a source that pass the filter are judged, counted and handed to the sinks."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Protocol

from listenwatch.call.header import Header
from listenwatch.call.record import ListenCall
from listenwatch.features.behaviour import behaviour_of_recorded
from listenwatch.linux.interrupt import Interrupted
from listenwatch.linux.terminal import say
from listenwatch.model.behaviour import Behaviour, unknown_fields
from listenwatch.session.filters import CallFilter
from listenwatch.session.source import Missing, Source
from listenwatch.verdict.compare import Verdict, VerdictKind, excuse_skipped
from listenwatch.verdict.judge import Judge
from listenwatch.verdict.summary import Summary, summarise


class Sink(Protocol):
    """One output of a session. ``begin`` comes first, ``end`` last, also where the session failed.

    A call counts ``call.repeats`` times.
    """

    def begin(self, header: Header, unknown: Sequence[str]) -> None:
        """The kernel the calls are made on, how they are observed, and what is not known of the kernel."""

    def call(self, call: ListenCall, verdict: Verdict) -> None:
        """The next call, judged."""

    def end(self, summary: Summary, missing: Missing) -> None:
        """The totals of every call judged, and those of which there is no record."""


class Session:
    """The judged calls of a source: iterate once. What was judged is counted, not kept.

    ``behaviour`` is what to judge by where it is not what the kernel names and its release. ``unknown`` are the
    fields of Behaviour that are not known of the kernel: either outcome agrees.
    """

    def __init__(self, source: Source, call_filter: CallFilter, behaviour: Behaviour | None = None) -> None:
        self.header = source.header
        self.behaviour = behaviour or behaviour_of_recorded(source.header.kernel)
        self.unknown = unknown_fields(self.behaviour)
        self.filter = call_filter
        self._source = source
        self._judge = Judge(self.behaviour)
        self._kinds: Counter[VerdictKind] = Counter()
        self.repeats = 0
        """How many calls were counted with another one, of which all but the time is the same."""

    def __iter__(self) -> Iterator[tuple[ListenCall, Verdict]]:
        every = self.filter.has_every_call and not self.filter.followed
        for call, skipped, record in self._source.calls():
            if every or self.filter.matches(call):
                verdict = excuse_skipped(self._judge.judge(call, record), skipped)
                self._kinds[verdict.kind] += call.repeats
                self.repeats += call.repeats - 1
                yield call, verdict

    @property
    def left(self) -> int:
        """How many calls have been read and are not judged yet."""
        return self._source.left

    def summary(self) -> tuple[Summary, Missing]:
        """The totals so far, and the calls of which there is no record."""
        missing = self._source.missing()
        return summarise(self._kinds, missing.lost), missing


def run_session(
    session: Session, shown: Sequence[Sink], recorded: Sequence[Sink] = (), count: int | None = None
) -> Summary:
    """Hand over each call: to ``recorded`` all that match the filter, to ``shown`` what it shows.

    Ends with the source, or after ``count`` calls shown; every sink gets the totals, whatever ended it.
    """
    sinks = [*recorded, *shown]
    if session.unknown:
        say(f"not known of this kernel: {', '.join(session.unknown)}")
    for sink in sinks:
        sink.begin(session.header, session.unknown)
    try:
        for call, verdict in session:
            is_shown = session.filter.is_shown(call, verdict)
            for sink in sinks if is_shown else recorded:
                sink.call(call, verdict)
            if is_shown and count is not None and (count := count - call.repeats) <= 0:
                break
    except Interrupted:
        say(f"the output was not read: {session.left} more calls had been seen, and are not judged")
        raise
    finally:
        summary, missing = session.summary()
        with ExitStack() as ends:  # a recording is complete though nobody reads the table
            for sink in reversed(sinks):
                ends.callback(sink.end, summary, missing)
    return summary
