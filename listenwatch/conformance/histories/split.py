"""Which calls and records are whose: two streams cut at the marks before each history, and paired."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TypeVar

from listenwatch.call.record import ListenCall
from listenwatch.conformance.harness.journal import Issued
from listenwatch.conformance.harness.pairing import Pair, pair, same_call
from listenwatch.conformance.histories.run import FIRST_MARK

C = TypeVar("C", Issued, ListenCall)


def by_history(calls: Iterable[C]) -> dict[int, list[C]]:
    """The calls of each history by its number, without the marks; what comes before a mark is nobody's (-1)."""
    histories: dict[int, list[C]] = {}
    here = -1
    for call in calls:
        if call.fd <= FIRST_MARK:
            here = FIRST_MARK - call.fd
            histories[here] = []
        else:
            histories.setdefault(here, []).append(call)
    return histories


def pairs(issued: Sequence[Issued], records: Sequence[ListenCall]) -> list[Pair]:
    """Each call with its record, in order per thread.

    Where a thread has fewer records than calls, arguments and errno tell which call has none.
    """
    paired = list(pair(issued, records))
    if all(call and record for call, record in paired):
        return paired
    threads = groupby(paired, lambda pair: pair[0].tid if pair[0] else -1)
    return [pair for _, of_thread in threads for pair in _aligned(list(of_thread))]


def _aligned(paired: Sequence[Pair]) -> Iterator[Pair]:
    records = deque(record for _, record in paired if record)
    for call in (call for call, _ in paired if call):
        fits = records and same_call(call, records[0]) and -records[0].result == call.error
        yield call, records.popleft() if fits else None
    yield from ((None, record) for record in records)
