"""The grid's data: a row for each scenario, a cell for each kernel, in it a sign for each attach mode."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from listenwatch.conformance.harness.catalogue import FILES, all_scenarios
from listenwatch.conformance.matrix.results import KernelRun, Matrix
from listenwatch.report.page.differ import Differing, differences
from listenwatch.report.runs.checks import group_of

SIGNS = {"AGREE": "✓", "DISAGREE": "✗", "INCONCLUSIVE": "?", "UNMODELLED": "∅", "ERROR": "!", "SKIP": "–"}
"""A sign for each word, so that nobody has to tell them by colour."""
_WORST_FIRST = ("DISAGREE", "ERROR", "UNMODELLED", "INCONCLUSIVE", "AGREE", "SKIP")


class Cell(NamedTuple):
    """A scenario on a kernel: name and word of each mode that ran it; ``apart`` from most other kernels."""

    kernel: str
    words: tuple[tuple[str, str], ...]
    apart: bool

    @property
    def text(self) -> str:
        """What its signs say, in words."""
        words = ", ".join(f"{mode} {word}" for mode, word in self.words)
        return f"{words}; differs from other kernels" if self.apart else words

    @property
    def worst(self) -> str:
        """The word to worry about; one mode that could see the scenario is enough not to be a skip."""
        words = {word for _, word in self.words}
        return next((word for word in _WORST_FIRST if word in words), "")


class Row(NamedTuple):
    """One scenario: the file it stands in, what it shows, in what kernels differ, and a cell for each kernel."""

    name: str
    group: str
    summary: str
    differences: Sequence[Differing]
    cells: Sequence[Cell]

    @property
    def words(self) -> str:
        """Every word that stands in one of its cells."""
        return " ".join(sorted({word for cell in self.cells for _, word in cell.words}))

    @property
    def brief(self) -> str:
        """The first difference, and how many more there are."""
        first, *more = [*map(str, self.differences), ""]
        return f"{first} (and {len(more) - 1} more)" if more[1:] else first


class Group(NamedTuple):
    """The scenarios of one file, and what they are about."""

    name: str
    title: str
    rows: Sequence[Row]

    @property
    def sums(self) -> Iterator[list[tuple[str, int]]]:
        """For each kernel how many scenarios ended how, in the worst of the kernel's modes."""
        for cells in zip(*(row.cells for row in self.rows), strict=True):
            count = Counter(cell.worst for cell in cells)
            yield [(word, count[word]) for word in SIGNS if count[word]]


def rows(matrix: Matrix) -> list[Row]:
    """Every scenario a kernel ran, group by group."""
    known = {scenario.name: scenario for scenario in all_scenarios()}
    ran = matrix.scenario_names
    ordered = [name for name in known if name in ran] + [name for name in ran if name not in known]
    return [_row(name, known[name].summary if name in known else "", matrix.kernels) for name in ordered]


def _row(name: str, summary: str, kernels: Sequence[KernelRun]) -> Row:
    differing = differences(name, kernels)
    apart = {kernel for difference in differing for kernel in difference.apart}
    cells = []
    for kernel in kernels:
        words = tuple((run.name, word) for run in kernel.scenario_runs if (word := run.word(name)))
        cells.append(Cell(kernel.name, words, kernel.name in apart))
    return Row(name, group_of(name), summary, differing, cells)


def groups(scenarios: Iterable[Row]) -> list[Group]:
    """The rows by file, each with the first line of its docstring."""
    titles = {f.__name__.rpartition(".")[2]: (f.__doc__ or "").partition("\n")[0] for f in FILES}
    grouped = groupby(scenarios, lambda row: row.group)
    return [Group(name, titles.get(name, ""), list(members)) for name, members in grouped]
