"""Records of calls none of which is like another: those of a real kernel's scenarios, with other numbers in each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import cycle, islice
from random import Random
from typing import NamedTuple

from listenwatch.call.record import JUDGED, Flag, ListenCall, decode
from listenwatch.features.behaviour import behaviour_of
from listenwatch.linux.kernel import Kernel
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.predict import predict
from listenwatch.verdict.compare import VerdictKind, judge
from tests.helpers.make import observe
from tests.helpers.records import encoded
from tests.helpers.vectors import FOLDER, load

NUMBER = 50_000
_SOMAXCONN = (128, 1024, 4096, 65535)


class Inputs(NamedTuple):
    """Records, the kernel that would have made them and its Behaviour."""

    kernel: Kernel
    behaviour: Behaviour
    records: list[bytes]


@cache
def new_inputs(vectors: str, number: int = NUMBER) -> Inputs:
    """So many records, made from the calls in the file of vectors (``6.18/tracepoint``): each with a backlog, a somaxconn
    and a port of its own, all else as the call had it. No two have the same judged part, and all agree with the model.
    """
    recording, calls = load(FOLDER / f"{vectors}.jsonl.gz")
    kernel = recording.header.kernel
    behaviour, random = behaviour_of(kernel), Random(1)
    made = (record for call in cycle(calls) for record in _varied(call, behaviour, random))
    records: dict[bytes, bytes] = {}
    while len(records) < number:
        records |= {record[JUDGED:]: record for record in islice(made, number - len(records))}
    return Inputs(kernel, behaviour, list(records.values()))


def _varied(call: ListenCall, behaviour: Behaviour, random: Random) -> Iterator[bytes]:
    """The call with other numbers, as a kernel obeying the model would make it; none where they let it end by another rule."""
    if not call.flags & Flag.SOCKET:
        return
    backlog = random.choice((-1, random.randrange(1 << 12), random.randrange(1 << 16)))
    somaxconn = random.choice((*_SOMAXCONN, random.randrange(1 << 16)))
    port = random.randrange(1024, 1 << 16) if call.pre.local_port else 0
    request = call.request._replace(backlog=backlog)
    environment = call.environment._replace(somaxconn=somaxconn)
    pre = call.pre._replace(local_port=port, source_port=port)
    rule = judge(call, behaviour).rule
    for outcome in predict(request, pre, environment, behaviour, call.knowledge, with_steps=False):
        if outcome.rule.value == rule:
            record = encoded(observe(request, pre, environment, outcome, call.hooks)._replace(flags=call.flags))
            if judge(decode(record, 0), behaviour).kind is VerdictKind.AGREE:
                yield record
            return
