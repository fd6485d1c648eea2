"""One behaviour that every call agrees with, or else the one that the fewest disagree with."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from listenwatch.conformance.harness.judging import Judged
from listenwatch.conformance.identify.cases import FITS, Case, Domains, every_value, leaves
from listenwatch.conformance.identify.narrow import Narrowed
from listenwatch.model.behaviour import Behaviour
from listenwatch.verdict.compare import VerdictKind


class Settled(NamedTuple):
    """The behaviour, and every call that disagrees with it, by its scenario; none where the kernel is like it."""

    behaviour: Behaviour
    disagreeing: tuple[tuple[str, Judged], ...]


def settle(cases: Sequence[Case], narrowed: Narrowed) -> Settled:
    """Start with the likeliest of what is left, and change a field where that leaves fewer calls that disagree.

    Where ``narrow`` left values that all cases allow, nothing is changed. A kernel that is like none is
    compared with the nearest that changing a field at a time leads to: its first domains are what the
    first calls left, and more calls may speak for another value. No call is explained away by a value
    under which the model says nothing of it.
    """
    behaviour = Behaviour(**{name: values[0] for name, values in narrowed.domains.items()})  # type: ignore[arg-type]
    cases = [case for case in cases if case.judge(behaviour).verdict.kind is not VerdictKind.UNMODELLED]
    against = _against(cases, behaviour)
    choices = every_value() if narrowed.unlike else narrowed.domains
    while against:
        counted = [
            (_count(name, changed, against, narrowed), changed) for name, changed in _changes(against, behaviour, choices)
        ]
        _, changed = min(counted, key=lambda tried: tried[0], default=(0, behaviour))
        left = _against(cases, changed)
        if len(left) >= len(against):
            break
        against, behaviour = left, changed
    return Settled(behaviour, tuple((case.scenario, case.judge(behaviour)) for case in against))


def _disagrees(case: Case, behaviour: Behaviour) -> bool:
    return case.judge(behaviour).verdict.kind not in FITS


def _against(cases: Sequence[Case], behaviour: Behaviour) -> list[Case]:
    return [case for case in cases if _disagrees(case, behaviour)]


def _count(name: str, changed: Behaviour, against: Sequence[Case], narrowed: Narrowed) -> int:
    """How many disagree once this field is changed: of those that ask for it as they do then, of others as before."""
    asking = {case.key: case for case in (*narrowed.asked.get(name, ()), *against)}
    return sum(_disagrees(case, changed) for case in asking.values())


def _changes(
    against: Sequence[Case], behaviour: Behaviour, choices: Domains
) -> Iterator[tuple[str, Behaviour]]:
    """The behaviour with another value of each field that a disagreeing case asks for, and the field."""
    now: Domains = {name: (value,) for name, value in behaviour.values().items()}
    for name in dict.fromkeys(name for case in against for leaf in leaves(case, now) for name in leaf.values):
        for value in choices[name]:
            if (value,) != now[name]:
                yield name, behaviour.replace(**{name: value})
