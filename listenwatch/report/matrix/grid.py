"""A matrix on a terminal: scenarios down, kernels across, in each cell a sign for each attach mode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import NamedTuple

from listenwatch.matrix.results import KernelRun, Matrix
from listenwatch.report.matrix.cases import group_of
from listenwatch.report.matrix.totals import closing, notes, totals_table
from listenwatch.report.page.differ import differences
from listenwatch.report.page.grid import SIGNS
from listenwatch.report.table import WIDTH
from listenwatch.terminal import GREEN, RED, YELLOW, escape, paint

ABSENT = "·"
"""The sign of a mode that a kernel does not offer."""
NOT_OBSERVED = "none"
_NAME = 32  # columns for the name of a row, where cells leave them
_COLOURS = {"AGREE": GREEN, "DISAGREE": RED, "ERROR": RED}
_ALONE = ("DISAGREE", "ERROR", "INCONCLUSIVE", "UNMODELLED")
"""What is worth a row of its own for every scenario it happens to."""


class Alike(NamedTuple):
    """What scenarios must have in common to share a row: file, signs on each kernel, why skipped, in what kernels differ."""

    group: str
    cells: tuple[str, ...]
    skips: tuple[str, ...]
    differ: tuple[str, ...]
    alone: str


def matrix_report(matrix: Matrix, *, colour: bool = False, verbose: bool = False) -> str:
    """The whole report. Scenarios of one file that are alike share a row, unless ``verbose``."""
    modes = list(dict.fromkeys(mode.name for _, mode in matrix.modes()))
    parts = []
    if matrix.scenario_names:
        parts += ["\n".join(_grid(matrix, modes, colour, verbose)), _legend(modes)]
    parts += ["\n".join(notes(matrix)), totals_table(matrix), closing(matrix, colour=colour)]
    return "\n\n".join(part for part in parts if part)


def _grid(
    matrix: Matrix, modes: Sequence[str], colour: bool, verbose: bool
) -> Iterator[str]:
    rows: dict[Alike, list[str]] = {}
    for name in matrix.scenario_names:
        rows.setdefault(_alike(matrix, name, modes, verbose), []).append(name)
    titles = [_title(alike, names) for alike, names in rows.items()]
    name_width = max(_NAME, *map(len, titles))
    heads = [kernel.name for kernel in matrix.kernels]
    widths = [max(len(head), len(modes), len(NOT_OBSERVED)) for head in heads]
    yield _line("scenario", name_width, heads, widths)
    yield _line("-" * name_width, name_width, ["-" * width for width in widths], widths)
    for alike, title in zip(rows, titles, strict=True):
        padded = [f"{cell:<{width}}" for cell, width in zip(alike.cells, widths, strict=True)]
        cells = [_painted(cell, colour) for cell in padded]
        yield f"{title:<{name_width}}  {'  '.join(cells)}".rstrip()
        for word, told in (("skipped", alike.skips), ("differ", alike.differ)):
            text = f"{word}: {'; '.join(told)}" if told else ""
            yield from wrap(text, WIDTH, initial_indent="    ", subsequent_indent="      ")


def _line(name: str, name_width: int, cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"{name:<{name_width}}  {'  '.join(padded)}".rstrip()


def _alike(matrix: Matrix, name: str, modes: Sequence[str], verbose: bool) -> Alike:
    told = dict.fromkeys(
        escape(f"{d.what} {' / '.join(value for value, _ in d.values)}")
        for d in differences(name, matrix.kernels)
    )
    cells = tuple(_cell(kernel, name, modes) for kernel in matrix.kernels)
    skips = dict.fromkeys(
        escape(mode.note(name)) for _, mode in matrix.modes() if mode.word(name) == "SKIP"
    )
    alone = verbose or any(mode.word(name) in _ALONE for _, mode in matrix.modes())
    return Alike(group_of(name), cells, tuple(skips), tuple(told), name if alone else "")


def _title(alike: Alike, names: Sequence[str]) -> str:
    """The scenario's name, or the file's and how many."""
    return escape(names[0]) if len(names) == 1 else f"{alike.group}: {len(names)} scenarios"


def _cell(kernel: KernelRun, scenario: str, modes: Sequence[str]) -> str:
    """A sign for each mode of the matrix."""
    if not kernel.modes:
        return NOT_OBSERVED
    words = {mode.name: mode.word(scenario) for mode in kernel.modes}
    return "".join(SIGNS.get(words.get(mode, ""), ABSENT) for mode in modes)


def _painted(cell: str, colour: bool) -> str:
    if cell.startswith(NOT_OBSERVED):
        return paint(cell, RED, on=colour)
    colours = {SIGNS[word]: _COLOURS.get(word, YELLOW) for word in SIGNS}
    return "".join(paint(c, colours.get(c, ""), on=colour and c in colours) for c in cell)


def _legend(modes: Sequence[str]) -> str:
    signs = ", ".join(f"{sign} {word.lower()}" for word, sign in SIGNS.items())
    order = f" Modes from left to right: {', '.join(modes)}." if len(modes) > 1 else ""
    text = f"{signs}, {ABSENT} a mode the kernel does not offer, {NOT_OBSERVED}: not observed.{order}"
    return "\n".join(wrap(text, WIDTH))
