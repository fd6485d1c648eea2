"""Totals, derived from the verdicts and never counted by hand, and the exit status they mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from listenwatch.verdict.compare import VerdictKind

if TYPE_CHECKING:
    from listenwatch.call.keys import Totals


class Summary(NamedTuple):
    """How many calls went which way; ``lost`` calls happened and have no record."""

    agree: int
    disagree: int
    inconclusive: int
    unmodelled: int
    lost: int

    @property
    def judged(self) -> int:
        """How many calls have a verdict."""
        return sum(self) - self.lost

    @property
    def is_empty(self) -> bool:
        """Whether nothing happened: no call was judged, and none was lost."""
        return not any(self)

    def as_object(self) -> Totals:
        """The same as JSON has it."""
        return {
            "agree": self.agree, "disagree": self.disagree, "inconclusive": self.inconclusive,
            "unmodelled": self.unmodelled, "lost": self.lost,
        }  # fmt: skip

    def exit_status(
        self, *, strict: bool = False, all_seen: bool = True, fails: bool = False, may_be_empty: bool = False
    ) -> int:
        """0 all compared calls agreed, 1 a disagreement, 5 what was said to fail, 4 incomplete; the first that holds.

        ``fails``: a condition held that was named for it. Incomplete: a call was lost, or nothing was
        compared (unless ``may_be_empty``, and nothing happened), or (strict) one was inconclusive or
        unmodelled, or there may be calls that could not be seen (not ``all_seen``).
        """
        if self.disagree:
            return 1
        if fails:
            return 5
        unknown = self.inconclusive + self.unmodelled
        nothing_compared = not self.agree and not (may_be_empty and self.is_empty and not strict)
        if self.lost or nothing_compared or (strict and (unknown or not all_seen)):
            return 4
        return 0

    def __str__(self) -> str:
        return ", ".join(f"{number} {name}" for name, number in self._asdict().items())


def worst(statuses: Iterable[int]) -> int:
    """The exit status of several runs together: 1 a disagreement, 4 incomplete, 0."""
    return min({1, 4}.intersection(statuses), default=0)


def summarise(kinds: Iterable[VerdictKind] | Counter[VerdictKind], lost: int) -> Summary:
    """The summary of these verdicts' kinds, or of their counts."""
    count = Counter(kinds)
    return Summary._make((*(count[kind] for kind in VerdictKind), lost))
