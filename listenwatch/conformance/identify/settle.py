"""One behaviour that every call agrees with, or else the one that the fewest disagree with."""

from collections.abc import Sequence
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
        best = min(
            ((_against(cases, changed), changed) for changed in _changes(against, behaviour, choices)),
            key=lambda tried: len(tried[0]), default=(against, behaviour),
        )  # fmt: skip
        if len(best[0]) >= len(against):
            break
        against, behaviour = best
    return Settled(behaviour, tuple((case.scenario, case.judge(behaviour)) for case in against))


def _against(cases: Sequence[Case], behaviour: Behaviour) -> list[Case]:
    return [case for case in cases if case.judge(behaviour).verdict.kind not in FITS]


def _changes(against: Sequence[Case], behaviour: Behaviour, choices: dict[str, tuple[object, ...]]) -> list[Behaviour]:
    """The behaviour with another value of each field that a disagreeing case asks for."""
    now: Domains = {name: (value,) for name, value in behaviour.values().items()}
    asked = dict.fromkeys(name for case in against for leaf in leaves(case, now) for name in leaf.values)
    return [
        behaviour.replace(**{name: value}) for name in asked for value in choices[name] if (value,) != now[name]
    ]
