"""Two records of the same call, by two engines or attach modes: equal in every field that both see.

They are two looks, one a moment after the other: what a peer moved in between is no difference.
"""

from collections.abc import Iterator
from typing import NamedTuple

from listenwatch.call.record import Flag, ListenCall
from listenwatch.model.inputs import Environment
from listenwatch.model.stages import StageIndex
from listenwatch.verdict.difference import Difference, Field, Where, Witness
from listenwatch.verdict.excuses import missed_returns
from listenwatch.verdict.moving import Look, may_differ

_Part = Environment | Look

OWN = ("time_ns", "duration_ns", "hooks", "stages", "unit", "container", "pod")
"""Each engine has its own clock readings, and its own hooks; whose the call was is no part of a probe's record."""
PARTS = {"environment": Where.ENVIRONMENT, "pre": Where.PRE, "post": Where.POST}
"""What holds several fields, which are compared one by one."""
OTHERS_SET = Flag.SHARED_TABLE | Flag.SHARED_FILE | Flag.SOMAXCONN_MOVES | Flag.SWITCHED
"""What others do or end between two looks: a thread shares the descriptor table until ``exit_files()``, after its join."""
SAME = tuple(field for field in ListenCall._fields if field not in OWN)


class OtherRecord(NamedTuple):
    """Another engine's record of a call; the kernel skipped programs of that engine ``skipped`` times meanwhile."""

    call: ListenCall
    skipped: int = 0


def comparable(call: ListenCall, other: ListenCall) -> bool:
    """Whether both looked at a socket that nobody else was changing between the one look and the other."""
    return not (call.flags | other.flags) & (Flag.CONTENDED | Flag.FD_CHANGED)


def unequal(call: ListenCall, other: ListenCall, skipped: int = 0) -> Iterator[Difference]:
    """Every field that both engines saw and that is not the same in both.

    A stage that only one of them saw tells nothing if the kernel ``skipped`` programs meanwhile, nor
    does a return that a kretprobe missed.
    """
    family = call.pre.family
    if (call.flags | other.flags) & Flag.SOMAXCONN_MOVES:
        environment = other.environment._replace(somaxconn=call.environment.somaxconn)
        other = other._replace(environment=environment, somaxconn_after=call.somaxconn_after)
    for field in SAME:
        ours, theirs = getattr(call, field), getattr(other, field)
        if field in PARTS:
            yield from _fields(PARTS[field], ours, theirs, family)
        elif field == "flags" and not (ours ^ theirs) & ~OTHERS_SET:
            continue
        elif ours != theirs:
            yield Difference(Where.CALL, field, ours, theirs, Witness.ENGINE)
    missed = missed_returns(call) | missed_returns(other)
    for index in StageIndex:
        if not (call.hooks & other.hooks) >> index & 1:
            continue
        here, there = call.stages.get(index), other.stages.get(index)
        if here and there:
            yield from _fields(index, here, there, family)
        elif (here or there) and not skipped and index not in missed:
            yield Difference(index, Field.REACHED, bool(here), bool(there), Witness.ENGINE)


def _fields(place: Where | StageIndex, ours: _Part, theirs: _Part, family: int) -> Iterator[Difference]:
    stage = place if isinstance(place, StageIndex) else None
    for field, value, other in zip(ours._fields, ours, theirs, strict=True):
        if value == other:
            continue
        if (
            isinstance(ours, Environment)
            or isinstance(theirs, Environment)
            or not may_differ(field, ours, theirs, family, stage)
        ):
            yield Difference(place, field, value, other, Witness.ENGINE)
