"""Two records of the same call, by two engines or attach modes: equal in every field that both see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from listenwatch.model.stages import STAGE_LABELS, StageIndex
from listenwatch.record import Flag, ListenCall
from listenwatch.verdict import NOT_REACHED, Difference, missed_returns

#: Each engine has its own clock readings, and its own hooks.
OWN = ("time_ns", "duration_ns", "hooks", "stages")
AGAINST = " against the first engine"
SAME = tuple(field for field in ListenCall._fields if field not in OWN)


class Beside(NamedTuple):
    """Another engine's record of a call; the kernel skipped programs of that engine ``skipped`` times meanwhile."""

    call: ListenCall
    skipped: int = 0


class Contradiction(Difference):
    """Two witnesses of the same call that do not say the same; not a matter of the model."""

    def __str__(self) -> str:
        return f"{self.field}: the probe saw {self.predicted}, the other witness {self.observed}"


def comparable(call: ListenCall, other: ListenCall) -> bool:
    """Whether both looked at a socket that nobody else was changing between the one look and the other."""
    return not (call.flags | other.flags) & (Flag.CONTENDED | Flag.FD_CHANGED)


def unequal(call: ListenCall, other: ListenCall, skipped: int = 0) -> Iterator[Contradiction]:
    """Every field that both engines saw and that is not the same in both.

    A stage that only one of them saw tells nothing if the kernel ``skipped`` programs meanwhile, nor
    does a return that a kretprobe missed.
    """
    for field in SAME:
        yield from _parts(field, getattr(call, field), getattr(other, field))
    missed = missed_returns(call) | missed_returns(other)
    for index in StageIndex:
        if not (call.hooks & other.hooks) >> index & 1:
            continue
        seen, told = call.stages.get(index), other.stages.get(index)
        label = STAGE_LABELS[index]
        if seen and told:
            yield from _parts(label, seen, told)
        elif (seen or told) and not skipped and label not in missed:
            words = ("reached", NOT_REACHED) if seen else (NOT_REACHED, "reached")
            yield Contradiction(f"{label}{AGAINST}", *words)


def _parts(name: str, seen: object, told: object) -> Iterator[Contradiction]:
    """The difference of two values; of two records by the name of each field."""
    if seen == told:
        return
    if isinstance(seen, tuple) and isinstance(told, tuple) and hasattr(seen, "_fields"):
        for field, one, another in zip(seen._fields, seen, told, strict=True):
            yield from _parts(f"{name} {field}", one, another)
    else:
        yield Contradiction(f"{name}{AGAINST}", str(seen), str(told))
