"""The session's section in the terminal's summary."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import pytest

from listenwatch.pytest_plugin.seen import SeenCall
from listenwatch.report.tested import (
    OUTSIDE,
    TITLES,
    named_lines,
    outside_text,
    summary_lines,
    unwatched_text,
)


class Summary:
    """``session`` are the calls a watched session saw, ``reports`` what each test's report carried.

    ``watch`` is the attach mode and how many calls were lost; None: only fixtures watched.
    """

    def __init__(
        self, session: Sequence[SeenCall], reports: Mapping[str, Mapping[str, Any]], fail_on: Collection[str],
        watch: tuple[str, int] | None,
    ) -> None:
        of_tests = [(SeenCall.read(call), test) for test, plain in reports.items() for call in plain["calls"]]
        numbers = {call.number for call, _ in of_tests}
        self._outside = [call for call in session if call.number not in numbers]
        self._calls = [*of_tests, *((call, OUTSIDE) for call in self._outside)]
        self._unwatched = sum(plain["unwatched"] for plain in reports.values())
        self._fail_on, self._watch = fail_on, watch

    @property
    def outside_problems(self) -> list[str]:
        """What fails the session though no test made it, by the calls' texts."""
        texts = [call.text for call in self._outside if not set(self._fail_on).isdisjoint(call.conditions)]
        lost = self._watch[1] if self._watch else 0
        return [*texts, *([f"{lost} lost"] if lost and "lost" in self._fail_on else [])]

    def write(self, terminal: pytest.TerminalReporter) -> None:
        """Onto the terminal."""
        lines = list(self._lines())
        if lines:
            terminal.section("listenwatch", sep="-")
            for line in lines:
                terminal.line(line)

    def _lines(self) -> Iterator[str]:
        if self._watch or self._calls:
            verdicts, conditions = Counter[str](), Counter[str]()
            for call, _ in self._calls:
                verdicts[call.verdict] += call.repeats
                for condition in call.conditions:
                    conditions[condition] += call.repeats
            yield from summary_lines(verdicts, conditions["clamped"], conditions["failed"], self._watch)
        for condition, title in TITLES.items() if self._watch else ():
            named = [(call.text, test) for call, test in self._calls if condition in call.conditions]
            yield from named_lines(title, named)
        if self.outside_problems:
            yield outside_text(self.outside_problems, self._fail_on)
        if self._unwatched:
            yield unwatched_text(self._unwatched)
