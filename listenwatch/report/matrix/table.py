"""A matrix on a terminal: scenarios down, kernels across, in each cell a sign for each attach mode."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from listenwatch.conformance.matrix.results import KernelRun, Matrix
from listenwatch.linux.terminal import GREEN, RED, YELLOW, escape, paint
from listenwatch.linux.text_width import wrap
from listenwatch.report.columns import text_width
from listenwatch.report.matrix.totals import closing, notes, totals_table
from listenwatch.report.page.differ import differences
from listenwatch.report.page.grid import SIGNS
from listenwatch.report.runs.checks import group_of

ABSENT = "·"
"""The sign of a mode that a kernel does not offer."""
NOT_OBSERVED = "none"
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


def matrix_report(
    matrix: Matrix, *, colour: bool = False, verbose: bool = False, width: int | None = None
) -> str:
    """The whole report. Scenarios of one file that are alike share a row, unless ``verbose``."""
    modes = list(dict.fromkeys(run.name for _, run in matrix.runs()))
    parts = []
    if matrix.scenario_names:
        parts += ["\n".join(_grids(matrix, modes, colour, verbose, width)), _legend(modes, width)]
    parts += ["\n".join(notes(matrix, width)), totals_table(matrix, width), closing(matrix, width, colour=colour)]
    return "\n\n".join(part for part in parts if part)


def _grids(
    matrix: Matrix, modes: Sequence[str], colour: bool, verbose: bool, width: int | None
) -> Iterator[str]:
    """A grid, or several of fewer kernels each where a line has no room for all."""
    rows: dict[Alike, list[str]] = {}
    for name in matrix.scenario_names:
        rows.setdefault(_alike(matrix, name, modes, verbose), []).append(name)
    titles = [
        escape(names[0]) if len(names) == 1 else f"{alike.group}: {len(names)} scenarios"
        for alike, names in rows.items()
    ]
    name_width = max(map(len, ("scenario", *titles)))
    heads = [kernel.name for kernel in matrix.kernels]
    widths = [max(len(head), len(modes), len(NOT_OBSERVED)) for head in heads]
    for number, part in enumerate(_parts(widths, None if width is None else width - name_width)):
        yield from [""] if number else []
        yield _line("scenario", name_width, heads[part], widths[part])
        yield _line("-" * name_width, name_width, ["-" * size for size in widths[part]], widths[part])
        for alike, title in zip(rows, titles, strict=True):
            yield _line(title, name_width, alike.cells[part], widths[part], colour=colour)
            for word, texts in (("skipped", alike.skips), ("differ", alike.differ)):
                if texts and not number:
                    yield from wrap(f"{word}: {'; '.join(texts)}", text_width(width), "    ", "      ")


def _parts(widths: Sequence[int], room: int | None) -> list[slice]:
    """Which columns stand together so that none of the parts is wider than ``room``."""
    parts, first = [], 0
    while first < len(widths):
        ends = accumulate(size + 2 for size in widths[first:])
        fitting = len(widths) if room is None else sum(end <= room for end in ends)
        parts.append(slice(first, first + max(1, fitting)))
        first = parts[-1].stop
    return parts


def _line(
    name: str, name_width: int, cells: Sequence[str], widths: Sequence[int], *, colour: bool = False
) -> str:
    padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"{name:<{name_width}}  {'  '.join(_painted(cell, colour) for cell in padded)}".rstrip()


def _alike(matrix: Matrix, name: str, modes: Sequence[str], verbose: bool) -> Alike:
    differ = dict.fromkeys(
        escape(f"{d.what} {' / '.join(value for value, _ in d.values)}")
        for d in differences(name, matrix.kernels)
    )
    cells = tuple(_cell(kernel, name, modes) for kernel in matrix.kernels)
    runs = (run for kernel in matrix.kernels for run in kernel.scenario_runs)
    results = [run.by_scenario[name] for run in runs if name in run.by_scenario]
    skips = dict.fromkeys(escape(result.skip) for result in results if result.skip)
    alone = verbose or any(result.word in _ALONE for result in results)
    return Alike(group_of(name), cells, tuple(skips), tuple(differ), name if alone else "")


def _cell(kernel: KernelRun, scenario: str, modes: Sequence[str]) -> str:
    """A sign for each mode of the matrix."""
    if not kernel.runs:
        return NOT_OBSERVED
    words = {run.name: run.word(scenario) for run in kernel.scenario_runs}
    return "".join(SIGNS.get(words.get(mode, ""), ABSENT) for mode in modes)


def _painted(cell: str, colour: bool) -> str:
    if cell.startswith(NOT_OBSERVED):
        return paint(cell, RED, on=colour)
    colours = {SIGNS[word]: _COLOURS.get(word, YELLOW) for word in SIGNS}
    return "".join(paint(c, colours.get(c, ""), on=colour and c in colours) for c in cell)


def _legend(modes: Sequence[str], width: int | None) -> str:
    signs = ", ".join(f"{sign} {word.lower()}" for word, sign in SIGNS.items())
    order = f" Modes from left to right: {', '.join(modes)}." if len(modes) > 1 else ""
    text = f"{signs}, {ABSENT} a mode the kernel does not offer, {NOT_OBSERVED}: not observed.{order}"
    return "\n".join(wrap(text, text_width(width)))
