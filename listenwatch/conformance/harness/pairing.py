"""Which record belongs to which call: the calls a scenario says it made against the records seen."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import TypeVar

from listenwatch.call.record import ListenCall
from listenwatch.conformance.harness.journal import Issued
from listenwatch.model.inputs import EntryPath

Pair = tuple[Issued | None, ListenCall | None]
C = TypeVar("C", Issued, ListenCall)


def pair(issued: Sequence[Issued], records: Iterable[ListenCall]) -> Iterator[Pair]:
    """Each call with its record, in order per thread; what has no partner stands alone.

    Threads are matched by rank of their number: the kernel counts in the initial pid namespace and
    the scenario in its own, but both count upwards.
    """
    made = _by_thread(issued)
    seen = _by_thread(records)
    if set(made) & set(seen):
        numbers: list[tuple[int, int]] = [(tid, tid) for tid in sorted({*made, *seen})]
    else:
        numbers = list(zip_longest(sorted(made), sorted(seen), fillvalue=-1))
    for inside, outside in numbers:
        yield from _align(made.get(inside, []), seen.get(outside, []))


def _align(made: list[Issued], seen: list[ListenCall]) -> Iterator[Pair]:
    """One thread's calls and records, in order; where numbers differ, a call goes only with its like."""
    if len(made) == len(seen):
        yield from zip(made, seen, strict=True)
        return
    records = deque(seen)
    for call in made:
        yield call, records.popleft() if records and same_call(call, records[0]) else None
    yield from ((None, record) for record in records)


def _by_thread(calls: Iterable[C]) -> dict[int, list[C]]:
    threads: dict[int, list[C]] = defaultdict(list)
    for call in calls:
        threads[call.tid].append(call)
    return threads


def same_call(issued: Issued, record: ListenCall) -> bool:
    """Whether the record carries the arguments the call was made with, and came by its entry path.

    Only a call through the descriptor table shows its descriptor.
    """
    through_table = issued.entry_path in (EntryPath.SYSCALL, EntryPath.COMPAT)
    same = issued.entry_path == record.entry_path and issued.backlog in (None, record.backlog)
    return same and (not through_table or issued.fd == record.fd)
