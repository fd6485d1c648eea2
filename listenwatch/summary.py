"""Totals, derived from the list of verdicts and never counted by hand, and the exit status they mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from listenwatch.verdict import Kind


class Summary(NamedTuple):
    """How many calls went which way; ``lost`` calls happened and have no record."""

    agree: int
    disagree: int
    inconclusive: int
    unmodelled: int
    lost: int

    def exit_status(self, *, strict: bool = False) -> int:
        """0 all compared calls agreed, 1 a disagreement, 4 incomplete.

        Incomplete: a call was lost, or nothing was compared, or (strict) one was inconclusive or
        unmodelled.
        """
        if self.disagree:
            return 1
        unknown = self.inconclusive + self.unmodelled
        if self.lost or not self.agree or (strict and unknown):
            return 4
        return 0

    def __str__(self) -> str:
        return ", ".join(f"{number} {name}" for name, number in self._asdict().items())


def worst(statuses: Iterable[int]) -> int:
    """The exit status of several runs together: 1 a disagreement, 4 incomplete, 0."""
    each = set(statuses)
    return next((status for status in (1, 4) if status in each), 0)


def summarise(kinds: Iterable[Kind], lost: int) -> Summary:
    """The summary of these verdicts' kinds."""
    count = Counter(kinds)
    return Summary(
        count[Kind.AGREE],
        count[Kind.DISAGREE],
        count[Kind.INCONCLUSIVE],
        count[Kind.UNMODELLED],
        lost,
    )
