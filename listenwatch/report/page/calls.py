"""The calls behind the grid, for the panel: what was predicted and what was seen, stage by stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from listenwatch.matrix.results import KernelRun, Line
from listenwatch.model.stages import STAGE_LABELS, StageIndex
from listenwatch.reasons import errno_text
from listenwatch.report.live import stage_argument
from listenwatch.verdict import NOT_REACHED

NO_PREDICTION = "no prediction"
_FIELDS = ("value", "max_ack_backlog", "ack_backlog", "state")
_KEPT = (
    "door",
    "protocol",
    "asked",
    "somaxconn",
    "verdict",
    "rule",
    "backlog_rule",
    "reason",
    "differences",
)


class Pool:
    """Values that come up again and again, each kept once and named by its number."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: object) -> int:
        """The value's number."""
        key = repr(value)
        if key not in self._numbers:
            self._numbers[key] = len(self.values)
            self.values.append(value)
        return self._numbers[key]


def panel_data(kernels: Sequence[KernelRun]) -> dict[str, Any]:
    """For each kernel and scenario the modes: name, word, note, and the numbers of the calls in the pool."""
    calls, rows = Pool(), Pool()
    cells = {
        kernel.name: {
            scenario: [
                [
                    m.name,
                    m.word(scenario),
                    m.note(scenario),
                    [calls.number(_call(c, rows)) for c in m.calls[scenario]],
                ]
                for m in kernel.modes
                if scenario in m.calls
            ]
            for scenario in {name: None for mode in kernel.modes for name in mode.calls}
        }
        for kernel in kernels
    }
    return {"cells": cells, "calls": calls.values, "rows": rows.values}


def _call(line: Line, rows: Pool) -> Line:
    fields = {key: line[key] for key in _KEPT if line.get(key) not in (None, [])}
    if "schema" in line:
        fields["predicted"] = _brief_prediction(line["predicted"])
        fields["observed"] = (
            _brief(line["errno"], line["stored"]) if line["result"] is not None else "no return"
        )
        fields["rows"] = [rows.number(row) for row in _rows(line)]
    return fields


def _brief(errno: str | None, stored: int | None) -> str:
    """As in the table of ``verify``: the errno, or the limit stored."""
    return errno or ("0" if stored is None else str(stored))


def _brief_prediction(predicted: Line | None) -> str:
    if predicted is None:
        return "?"
    limits = predicted["subflow_max_ack_backlog"], predicted["max_ack_backlog"]
    stored = next((limit for limit in limits if limit is not None), None)
    return _brief(errno_text(predicted["result"]) if predicted["result"] else None, stored)


def _rows(line: Line) -> Iterator[list[Any]]:
    """The call from its beginning to its return: label, predicted, observed, the fields that differ.

    A side is its four values, or a word for why it has none.
    """
    told, before = line["predicted"], line["pre"]
    parted = {d["field"] for d in line["differences"]}
    yield [
        "the call begins",
        "given",
        _socket(f"backlog {line['asked']}", before) if before else "no socket",
        [],
    ]
    for index in StageIndex:
        yield _stage_row(index, line, parted)
    result = "no return seen" if line["result"] is None else f"= {errno_text(line['result'])}"
    yield [
        "the call returns",
        _told(f"= {errno_text(told['result'])}", told, "") if told else NO_PREDICTION,
        _socket(result, line["post"]),
        _parted(parted, "result", "{} at return"),
    ]
    if told and told["subflow_state"] is not None:
        yield [
            "its first subflow",
            _told("", told, "subflow_"),
            _socket("", line["post"], "subflow_"),
            _parted(parted, "", "subflow {} at return"),
        ]


def _stage_row(index: StageIndex, line: Line, parted: set[str]) -> list[Any]:
    name, label = index.name.lower(), STAGE_LABELS[index]
    expected = line["predicted"]["stages"].get(name) if line["predicted"] else None
    seen = line["stages"].get(name)
    unseen = NOT_REACHED if name in line["watched"] else "not visible"
    if expected and not seen and unseen == NOT_REACHED and label not in parted:
        # The verdict excuses it: folded into its caller, or skipped by the kernel.
        unseen = "not seen"
    unpredicted = NOT_REACHED if line["predicted"] else NO_PREDICTION
    fields = [0, 1, 2, 3] if label in parted else _parted(parted, f"{label} value", label + " {}")
    return [label, _stage(index, expected, unpredicted), _stage(index, seen, unseen), fields]


def _stage(index: StageIndex, stage: Line | None, absent: str) -> list[Any] | str:
    if stage is None:
        return absent
    value = "" if stage["value"] is None else stage_argument(index, stage["value"])
    return [value, stage["max_ack_backlog"], stage["ack_backlog"], stage["state"]]


def _socket(value: str, sock: Line | None, owner: str = "") -> list[Any]:
    return [value, *(sock[f"{owner}{field}"] if sock else None for field in _FIELDS[1:])]


def _told(value: str, told: Line, owner: str) -> list[Any]:
    return [value, told[f"{owner}max_ack_backlog"], None, told[f"{owner}state"]]


def _parted(parted: set[str], value: str, others: str) -> list[int]:
    """Which of the four values differ, by the names the verdict gave the differences."""
    names = (value, *(others.format(field) for field in _FIELDS[1:]))
    return [number for number, name in enumerate(names) if name in parted]
