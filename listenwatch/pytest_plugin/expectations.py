"""What a test or the session asks of calls, and which calls are not so."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

from listenwatch.errors import UsageError, did_you_mean
from listenwatch.pytest_plugin.seen import SeenCall
from listenwatch.verdict.condition import Condition

CONDITIONS = tuple(condition.value for condition in Condition)
"""What may fail a session, in the words of ``watch --fail-on``."""


def conditions_of(text: str) -> tuple[str, ...]:
    """Those of a setting, with commas between them; UsageError for any other word."""
    words = tuple(text.replace(",", " ").split())
    for word in words:
        if word not in CONDITIONS:
            near = did_you_mean(word, CONDITIONS) or f": choose from {', '.join(CONDITIONS)}"
            raise UsageError(f"listenwatch_fail_on: nothing to fail on: '{word}'{near}")
    return words


_ASKABLE = ("clamped", "failed")


class Expectation(NamedTuple):
    """What a test's marker asks for; None asks for nothing. ``clamped`` and ``failed``: whether there has to be such a call."""

    min_limit: int | None = None
    clamped: bool | None = None
    failed: bool | None = None

    @classmethod
    def of(cls, arguments: Sequence[Any], named: Mapping[str, Any]) -> Self:
        """Of a marker's arguments; UsageError for those it does not take."""
        if arguments or not named.keys() <= set(cls._fields):
            raise UsageError(f"the marker 'listens' takes {', '.join(f'{name}=' for name in cls._fields)} and nothing else")
        return cls(**named)

    def wanted(self) -> set[str]:
        """The conditions that have to hold of a call: the session's do not count for them."""
        return {name for name in _ASKABLE if getattr(self, name)}

    def unwanted(self) -> set[str]:
        """Those that must hold of none."""
        return {name for name in _ASKABLE if getattr(self, name) is False}

    def missing(self, calls: Sequence[SeenCall]) -> "Iterator[Problem]":
        """What all the calls of a test together lack."""
        for name in sorted(self.wanted()):
            if not any(name in call.conditions for call in calls):
                yield Problem(f"no-{name}")
        if not self.failed and all(call.limit is None for call in calls):
            yield Problem("none")


class Problem(NamedTuple):
    """``kind`` is a condition, ``limit`` or ``none``; ``call`` the call, None where it is that there is none."""

    kind: str
    call: SeenCall | None = None


def problems_of(
    calls: Sequence[SeenCall], fail_on: Collection[str], expectation: Expectation | None = None
) -> Iterator[Problem]:
    """What is wrong with some calls of one test; of one without a marker ``expectation`` is None."""
    asked = expectation or Expectation()
    refused = {*fail_on, *asked.unwanted()} - asked.wanted()
    for call in calls:
        yield from (Problem(condition, call) for condition in call.conditions if condition in refused)
        if asked.min_limit is not None and call.limit is not None and call.limit < asked.min_limit:
            yield Problem("limit", call)
