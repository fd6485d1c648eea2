"""What differs between kernels, for the top of the page: each fact once, with every scenario that shows it."""

from collections.abc import Sequence
from typing import NamedTuple

from listenwatch.report.page.differ import Differing
from listenwatch.report.page.grid import Row

_OUTCOMES = ("verdict", "rule", "backlog rule", "errno", "stored", "calls")
"""What a program can notice of a call, or a person of a scenario: before the stages, which it passed on the way."""


class DifferentFact(NamedTuple):
    """A fact, its value on each kernel that has one, the kernels apart from most, and the scenarios that show it."""

    what: str
    values: dict[str, str]
    apart: frozenset[str]
    scenarios: Sequence[str]

    @property
    def is_outcome(self) -> bool:
        """Whether it is more than a stage on the way."""
        return self.what in _OUTCOMES


def different_facts(scenarios: Sequence[Row]) -> list[DifferentFact]:
    """Outcomes first, then stages; of each those that most scenarios show first."""
    shown: dict[Differing, list[str]] = {}
    for row in scenarios:
        for difference in (*_verdicts(row), *row.differences):
            names = shown.setdefault(difference._replace(calls=()), [])
            if row.name not in names:
                names.append(row.name)
    facts = [
        DifferentFact(
            difference.what, {kernel: value for value, kernels in difference.values for kernel in kernels},
            frozenset(difference.apart), names,
        )
        for difference, names in shown.items()
    ]  # fmt: skip
    return sorted(facts, key=lambda fact: (_place(fact), -len(fact.scenarios)))


def _place(fact: DifferentFact) -> int:
    return _OUTCOMES.index(fact.what) if fact.is_outcome else len(_OUTCOMES)


def _verdicts(row: Row) -> list[Differing]:
    """How the scenario ended, in the worst of a kernel's modes, where not all kernels ended alike."""
    by_word: dict[str, list[str]] = {}
    for cell in row.cells:
        if cell.words:
            by_word.setdefault(cell.worst, []).append(cell.kernel)
    values = tuple((word, tuple(kernels)) for word, kernels in by_word.items())
    return [Differing("verdict", (), values)] if len(values) > 1 else []
