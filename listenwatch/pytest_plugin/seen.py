"""A call as tests, their reports and other processes of the session know it: plain values, and nothing to import for them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from listenwatch.api.judged_call import JudgedCall


class SeenCall(NamedTuple):
    """``text`` says who made it and what came of it; ``conditions`` are the words of ``--fail-on`` that hold of it.

    ``limit`` is what the kernel stored for a socket that listens now, else None. ``number`` counts the calls of a
    session from 0; that of a command which a fixture watched has none. It stands for ``repeats`` calls that went the same way.
    """

    text: str
    verdict: str
    conditions: tuple[str, ...]
    asked: int | None
    limit: int | None
    somaxconn: int | None
    number: int | None = None
    repeats: int = 1

    @classmethod
    def of(cls, call: "JudgedCall", number: int | None = None) -> Self:
        """What is kept of a judged call."""
        from listenwatch.report.tested import call_text
        from listenwatch.verdict.conditions import conditions_of

        conditions = tuple(condition.value for condition in conditions_of(call.call, call.judgement))
        text = call_text(call.call, call.judgement)
        return cls(
            text, call.verdict.value, conditions, call.asked, call.limit, call.somaxconn, number, call.repeats
        )

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """From what ``_asdict`` gave, when it has been through JSON."""
        return cls(**{**values, "conditions": tuple(values["conditions"])})
