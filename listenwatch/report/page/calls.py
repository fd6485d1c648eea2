"""The calls behind the grid, for the panel: what was predicted and what was seen, stage by stage."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from listenwatch.call.record import Flag, ListenCall, StageRecord
from listenwatch.call.text import entry_path_name, limit_of, protocol_of, state_name, state_of
from listenwatch.conformance.harness.judging import Judged
from listenwatch.conformance.matrix.results import KernelRun
from listenwatch.linux.names import errno_text
from listenwatch.model.inputs import Socket
from listenwatch.model.run import Outcome, Sock
from listenwatch.model.stages import StageIndex, StageValues
from listenwatch.report.judged import judged_reason
from listenwatch.report.live import stage_argument
from listenwatch.report.runs.table import observed, predicted
from listenwatch.report.text import difference_parts
from listenwatch.verdict.difference import Difference, Field, Place, Where

NO_PREDICTION, NOT_REACHED = "no prediction", "not reached"
_FIELDS = (Field.VALUE, Field.MAX_ACK_BACKLOG, Field.ACK_BACKLOG, Field.STATE)
_PARTS = ("field", "predicted", "observed")

Side = list[Any] | str
"""Value, limit, queue and state; or a word for why there are none."""


class NumberedValues:
    """Values that come up again and again, each kept once and named by its number."""

    def __init__(self) -> None:
        self._numbered: dict[str, tuple[int, Any]] = {}

    def number(self, value: object) -> int:
        """The value's number."""
        return self._numbered.setdefault(repr(value), (len(self._numbered), value))[0]

    def values(self) -> list[Any]:
        """The values in the order of their numbers."""
        return [value for _, value in self._numbered.values()]


def panel_data(kernels: Sequence[KernelRun]) -> dict[str, Any]:
    """For each kernel and scenario the runs: name, word, note, and the numbers of its calls among all calls."""
    calls, rows = NumberedValues(), NumberedValues()
    cells: dict[str, dict[str, list[Any]]] = {kernel.name: {} for kernel in kernels}
    for kernel in kernels:
        for run in kernel.scenario_runs:
            for result in run.results:
                numbers = [calls.number(_call(judged, rows)) for judged in result.calls]
                cell = [run.name, result.word, result.note, numbers]
                cells[kernel.name].setdefault(result.scenario, []).append(cell)
    return {"cells": cells, "calls": calls.values(), "rows": rows.values()}


def _call(judged: Judged, rows: NumberedValues) -> dict[str, Any]:
    """What the panel shows of a call; what is unknown is left out."""
    call, verdict = judged.call, judged.verdict
    parts = [dict(zip(_PARTS, difference_parts(d), strict=True)) for d in verdict.differences]
    fields: dict[str, Any] = {
        "verdict": verdict.kind.value, "rule": verdict.rule, "backlog_rule": verdict.backlog_rule,
        "reason": judged_reason(judged), "differences": parts or None,
    }
    if call:
        sock = call.post if call.post.seen else call.pre
        fields |= {
            "door": entry_path_name(call.entry_path), "protocol": protocol_of(sock) or None,
            "asked": call.asked, "somaxconn": call.somaxconn,
            "predicted": predicted(judged),
            "observed": observed(judged) if call.flags & Flag.RETURNED else "no return",
            "rows": [rows.number(row) for row in stage_rows(call, verdict.outcome, verdict.differences)],
        }
    return {key: value for key, value in fields.items() if value is not None}


def stage_rows(
    call: ListenCall, outcome: Outcome | None, differences: Collection[Difference]
) -> Iterator[list[Any]]:
    """The call from its beginning to its return: label, predicted, observed, which of the values differ."""
    parted = {(d.place, d.field) for d in differences if not d.witness}
    before: Side = _socket(f"backlog {call.asked}", call.pre) if call.pre.seen else "no socket"
    yield ["the call begins", "given", before, []]
    for index in StageIndex:
        yield _stage_row(index, call, outcome, parted)
    result = f"= {errno_text(call.result)}" if call.flags & Flag.RETURNED else "no return seen"
    end = _predicted(f"= {errno_text(outcome.result)}", outcome.socket) if outcome else NO_PREDICTION
    differing = _differing(parted, (Where.RETURN, Field.RESULT), Where.POST)
    yield ["the call returns", end, _socket(result, call.post), differing]
    if outcome and outcome.subflow:
        post = call.post
        seen = _seen(post, "subflow_")
        differing = _differing(parted, None, Where.SUBFLOW)
        predicted_end = _predicted("", outcome.subflow)
        yield ["its first subflow", predicted_end, ["", *(seen if post.seen else [None] * 3)], differing]


Parted = Collection[tuple[Place, Field | str]]
"""Place and field of each difference."""


def _stage_row(index: StageIndex, call: ListenCall, outcome: Outcome | None, parted: Parted) -> list[Any]:
    expected = outcome.stages.get(index) if outcome else None
    seen = call.stages.get(index)
    unseen = NOT_REACHED if call.hooks >> index & 1 else "not visible"
    differs = (index, Field.REACHED) in parted
    if expected and not seen and unseen == NOT_REACHED and not differs:
        # The verdict excuses it: folded into its caller, or skipped by the kernel.
        unseen = "not seen"
    unpredicted = NOT_REACHED if outcome else NO_PREDICTION
    fields = [0, 1, 2, 3] if differs else _differing(parted, (index, Field.VALUE), index)
    return [index.label, _stage(index, expected, unpredicted), _stage(index, seen, unseen), fields]


def _stage(index: StageIndex, stage: StageRecord | StageValues | None, absent: str) -> Side:
    if stage is None:
        return absent
    value = "" if stage.value is None else stage_argument(index, stage.value)
    return [value, stage.max_ack_backlog, stage.ack_backlog, state_name(stage.state)]


def _socket(value: str, sock: Socket) -> Side:
    if not sock.seen:
        return [value, None, None, None]
    return [value, *_seen(sock)]


def _seen(sock: Socket, owner: str = "") -> list[int | str | None]:
    """Limit, queue and state; None for what could not be seen."""
    limit = limit_of(sock, owner)
    return [limit, None if limit is None else getattr(sock, f"{owner}ack_backlog"), state_of(sock, owner)]


def _predicted(value: str, sock: Sock | None) -> Side:
    return [value, sock.max_ack_backlog if sock else None, None, state_name(sock.state) if sock else None]


def _differing(parted: Parted, value: tuple[Place, Field] | None, place: Place) -> list[int]:
    """Which of the four values differ; ``value`` is place and field of the first."""
    names = (value, *((place, field) for field in _FIELDS[1:]))
    return [number for number, name in enumerate(names) if name in parted]
