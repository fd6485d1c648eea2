"""What a run of the bench measured, as a table, as JSON, and beside another run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate


class Row(NamedTuple):
    """One figure, and that of its peer or limit in the same run."""

    name: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the peer's figure this is; None without a peer."""
        return self.value / self.peer_value if self.peer_value else None


class Run(NamedTuple):
    """Where it was measured, and every row."""

    machine: str
    rows: list[Row]

    def write(self, file: Path) -> None:
        """For ``read``."""
        file.parent.mkdir(parents=True, exist_ok=True)
        rows = [{**row._asdict(), "ratio": row.ratio} for row in self.rows]
        file.write_text(json.dumps({"machine": self.machine, "rows": rows}, indent=1) + "\n")

    @classmethod
    def read(cls, file: Path) -> Run:
        """The run that was written to a file."""
        run = json.loads(file.read_text())
        rows = [Row(*(row[field] for field in Row._fields)) for row in run["rows"]]
        return cls(run["machine"], rows)


def as_table(run: Run) -> str:
    """A run for people."""
    rows = [(row.name, figure(row.value, row.unit), _peer(row), _times(row.ratio)) for row in run.rows]
    return tabulate(rows, headers=("what", "measured", "against", "ratio"), disable_numparse=True)


def beside(base: Run, now: Run) -> str:
    """Two runs by the names of their rows: both figures, and both ratios to the peer, which other load moves less."""
    before = {row.name: row for row in base.rows}
    after = {row.name: row for row in now.rows}
    rows = [_compared(name, before.get(name), after.get(name)) for name in {**before, **after}]
    heads = ("what", "before", "now", "now/before", "ratio before", "ratio now")
    return tabulate(rows, headers=heads, disable_numparse=True)


def _compared(name: str, before: Row | None, now: Row | None) -> tuple[str, ...]:
    change = now.value / before.value if before and now and before.value else None
    figures = (figure(row.value, row.unit) if row else "-" for row in (before, now))
    ratios = (_times(row.ratio) if row else "-" for row in (before, now))
    return name, *figures, _times(change), *ratios


def figure(value: float, unit: str) -> str:
    """Three digits are enough: ``137 ms``, ``0.31 us``, ``145,000 calls/s``."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def _peer(row: Row) -> str:
    return "" if row.peer_value is None else f"{figure(row.peer_value, row.unit)}  {row.peer}"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f} x"
