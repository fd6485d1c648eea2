"""The answers of two stacks side by side: the same calls in the same order, and where a program would notice."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from listenwatch.conformance.standalone.answers import Default, Fill, Listen, Shrunk, Written
from listenwatch.conformance.standalone.judging import Judged, Judgement

Facts = dict[str, int | None]
"""What a program sees of an answer, by name; None: nothing shows it."""


class Pair(NamedTuple):
    """The same case in two stacks; None where a stack has no such answer."""

    left: Judged | None
    right: Judged | None

    @property
    def differs(self) -> bool:
        """Whether both stacks show a fact, and not the same."""
        if self.left is None or self.right is None:
            return False
        left, right = facts_of(self.left), facts_of(self.right)
        return any(None not in (left[name], right.get(name)) and left[name] != right.get(name) for name in left)


def facts_of(judged: Judged) -> Facts:
    """The result, and what it came to."""
    answer, call = judged.answer, judged.call
    match answer:
        case Listen():
            return {"result": answer.result, "limit": call.stored if call and not answer.result else None}
        case Fill():
            return {"accepted": answer.accepted, "error": answer.error}
        case Written():
            return {"result": answer.result, "read": answer.read}
        case Default():
            return {"value": answer.value}
        case Shrunk():
            return {"accepted": answer.accepted}
    return {}


def side_by_side(left: Judgement, right: Judgement) -> list[Pair]:
    """Every case of either, in the order of the first, then what only the second has."""
    of_right = dict(_by_case(right))
    pairs = [Pair(judged, of_right.pop(case, None)) for case, judged in _by_case(left)]
    return [*pairs, *(Pair(None, judged) for judged in of_right.values())]


def _by_case(judgement: Judgement) -> Iterator[tuple[tuple[object, ...], Judged]]:
    """Each answer by what was done: the kind, the socket, the backlog, and the how many-th time it was."""
    times: Counter[tuple[object, ...]] = Counter()
    for judged in judgement.judged:
        answer = judged.answer
        names = ("case", "family", "type", "protocol", "asked", "file")
        case = (type(answer).__name__, *(getattr(answer, name, None) for name in names))
        if isinstance(answer, Written):
            case = (*case, answer.value)
        times[case] += 1
        yield (*case, times[case]), judged
