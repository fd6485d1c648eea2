"""What the report is made of: of each kernel the lines that ``verify --json`` printed there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from listenwatch.scenarios.runner import WORST_FIRST

Line = dict[str, Any]


class Mode:
    """One engine and attach mode on one kernel: its summary, and its calls by scenario."""

    def __init__(self, summary: Line, lines: Sequence[Line]) -> None:
        self.summary = summary
        self.attach: str = summary["mode"]
        engine = summary["engine"]
        self.name = self.attach if engine == "core" else f"{engine} {self.attach}"
        self.calls: dict[str, list[Line]] = {name: [] for name in summary["scenario_names"]}
        for line in lines:
            if (line["engine"], line["attach"]) == (engine, self.attach):
                self.calls[line["scenario"]].append(line)

    def word(self, scenario: str) -> str:
        """A verdict, SKIP or ERROR, as in ``Result.word``; empty for a scenario that did not run here."""
        if scenario not in self.calls:
            return ""
        if scenario in self.summary["skipped"]:
            return "SKIP"
        kinds = {line["verdict"] for line in self.calls[scenario]}
        worst = next((kind.value for kind in WORST_FIRST if kind.value in kinds), "ERROR")
        return worst if worst == "DISAGREE" or scenario not in self.summary["errors"] else "ERROR"

    def note(self, scenario: str) -> str:
        """Why it was skipped or how it failed."""
        notes: dict[str, str] = self.summary["skipped"] | self.summary["errors"]
        return notes.get(scenario, "")


class Ran:
    """One kernel of the matrix: what it printed, or the ``problem`` for which it could not be run."""

    def __init__(self, name: str, lines: Sequence[Line], *, seconds: float, problem: str) -> None:
        self.name = name
        self.lines = lines
        self.seconds = seconds
        self.problem = problem

    @cached_property
    def modes(self) -> list[Mode]:
        """Its engines and attach modes, in the order they reported."""
        calls = [line for line in self.lines if "summary" not in line]
        return [Mode(line["summary"], calls) for line in self.lines if "summary" in line]
