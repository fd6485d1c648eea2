"""How many verdicts a second: on inputs met before, and on inputs never met."""

from __future__ import annotations

import timeit
from collections.abc import Callable, Iterator, Sequence

from listenwatch.call.record import decode, decode_all
from listenwatch.features.behaviour import behaviour_of
from listenwatch.linux.kernel import running_kernel
from listenwatch.model import predict as predict_module
from listenwatch.verdict.compare import judge
from listenwatch.verdict.judge import Judge
from tests.bench.rows import Row


def judging(records: Sequence[bytes]) -> Iterator[Row]:
    """The peer is taking the same records apart, which is done before."""
    behaviour = behaviour_of(running_kernel())
    calls = decode_all(records)
    judge_of = Judge(behaviour)

    def met() -> None:
        for call, record in zip(calls, records, strict=True):
            judge_of.judge(call, record)

    def new() -> None:
        for call in calls:
            predict_module._run.cache_clear()
            judge(call, behaviour)

    decoded = _rate(lambda: [decode(record, 0) for record in records], len(records))
    for name, judge_all in (("inputs met before", met), ("every input new", new)):
        yield Row(f"verdicts, {name}", _rate(judge_all, len(records)), "calls/s", "records decoded", decoded)


def _rate(function: Callable[[], object], times: int) -> float:
    return 10 * times / min(timeit.repeat(function, number=10, repeat=5))
