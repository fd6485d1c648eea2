"""What the thread of calls counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from listenwatch.call.record import ListenCall
from listenwatch.exporter.calls import CallKind, Calls
from listenwatch.exporter.names import Names
from listenwatch.linux.wakeups import UntilStopped
from listenwatch.session.session import Session
from listenwatch.verdict.compare import Verdict, judge
from tests.helpers.calls import BEHAVIOUR, call


class Judged:
    """A session that sees one call, made so often."""

    def __init__(self, repeats: int) -> None:
        self._call = call()._replace(repeats=repeats)

    def __iter__(self) -> Iterator[tuple[ListenCall, Verdict]]:
        yield self._call, judge(self._call, BEHAVIOUR)


def test_a_call_counts_as_often_as_it_was_made() -> None:
    shown: list[ListenCall] = []
    ending = UntilStopped()
    calls = Calls(cast("Session", Judged(1000)), ending, Names(), lambda each, _: shown.append(each), lambda: None)
    calls.start()
    calls.stop()
    ending.close()
    assert calls.error is None
    assert calls.counts() == {CallKind("agree", "listens", "kept"): 1000}
    assert [each.repeats for each in shown] == [1000]
