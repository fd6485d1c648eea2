"""How many verdicts a second of processor time: on inputs met before, and on inputs never met; alone, and from the ring."""

from __future__ import annotations

import timeit
from collections.abc import Callable, Iterator, Sequence
from time import process_time

from listenwatch.call.record import ListenCall, decode, decode_all
from listenwatch.features.behaviour import behaviour_of
from listenwatch.linux.kernel import Kernel, running_kernel
from listenwatch.model import predict as predict_module
from listenwatch.session.filters import CallFilter
from listenwatch.session.session import Session
from listenwatch.verdict.compare import judge
from listenwatch.verdict.judge import Judge
from tests.bench.inputs import new_inputs
from tests.bench.rows import Row
from tests.helpers.ring import AfterLooks, FillingRing, attached

NEW = {"tracepoint": "6.18/tracepoint", "kprobe": "7.3/kprobe"}
"""Where the records of new inputs are made from: few stages seen, and all."""
BATCH, TIMES, TIMES_MET = 512, 5, 50


def judging(records: Sequence[bytes]) -> Iterator[Row]:
    """The peer is taking the same records apart, which is done before."""
    behaviour = behaviour_of(running_kernel())
    calls = decode_all(records)
    judge_of = Judge(behaviour)

    def met() -> None:
        for call, record in zip(calls, records, strict=True):
            judge_of.judge(call, record)

    decoded = _rate(lambda: [decode(record, 0) for record in records], len(records))
    yield Row("verdicts, inputs met before", _rate(met, len(records)), "calls/s", "records decoded", decoded)
    through = _through_session(running_kernel(), [*records] * TIMES_MET)
    yield Row("from the ring to the verdict, inputs met before", through, "calls/s", "records decoded", decoded)
    for mode, vectors in NEW.items():
        yield from _of_new(mode, vectors)


def _of_new(mode: str, vectors: str) -> Iterator[Row]:
    """Every record is judged for the first time, with nothing known before the first."""
    kernel, behaviour, records = new_inputs(vectors)

    def by_judge() -> Callable[[ListenCall, bytes], object]:
        return Judge(behaviour).judge

    def by_model() -> Callable[[ListenCall, bytes], object]:
        return lambda call, _: judge(call, behaviour)

    decoded = _rate_of_new(records, lambda: lambda call, record: None, decodes=True)
    for name, make in (("every input new", by_judge), ("the model run for each", by_model)):
        rate = _rate_of_new(records, make)
        yield Row(f"verdicts, {name}, {mode}", rate, "calls/s", "records decoded", decoded)
    through = _through_session(kernel, records)
    yield Row(f"from the ring to the verdict, every input new, {mode}", through, "calls/s", "records decoded", decoded)


def _rate_of_new(
    records: Sequence[bytes], make: Callable[[], Callable[[ListenCall, bytes], object]], *, decodes: bool = False
) -> float:
    """How many a second, decoded a batch at a time as from the ring; the time for that counts where it ``decodes``."""

    def seconds() -> float:
        predict_module._run.cache_clear()
        judge_one, taken = make(), 0.0
        for at in range(0, len(records), BATCH):
            batch = records[at : at + BATCH]
            begun = process_time()
            calls = decode_all(batch)
            if not decodes:
                begun = process_time()
            for call, record in zip(calls, batch, strict=True):
                judge_one(call, record)
            taken += process_time() - begun
        return taken

    return len(records) / min(seconds() for _ in range(TIMES))


def _through_session(kernel: Kernel, records: Sequence[bytes]) -> float:
    """How many a second come from the ring, are judged and counted, with nothing to show."""

    def seconds() -> float:
        predict_module._run.cache_clear()
        batches = [list(records[at : at + BATCH]) for at in range(0, len(records), BATCH)]
        ring = FillingRing(*batches)
        ring.source = attached(ring, AfterLooks(len(batches) + 1), kernel)
        session = Session(ring.source, CallFilter())
        begun = process_time()
        judged = sum(1 for _ in session)
        taken = process_time() - begun
        assert judged == len(records) == session.summary()[0].judged
        return taken

    return len(records) / min(seconds() for _ in range(TIMES))


def _rate(function: Callable[[], object], times: int) -> float:
    return 10 * times / min(timeit.repeat(function, timer=process_time, number=10, repeat=TIMES))
