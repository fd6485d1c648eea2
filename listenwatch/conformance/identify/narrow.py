"""From every value a field ever had to those that each call allows, whatever the other fields are."""

from collections.abc import Iterable
from typing import NamedTuple

from listenwatch.conformance.identify.cases import Case, Domains, Leaf, every_value, fitting, leaves
from listenwatch.verdict.compare import VerdictKind


class Narrowed(NamedTuple):
    """``domains`` are the values left; ``shown_by`` the scenarios whose calls excluded others, by field, in order.

    ``asked`` are the cases whose verdict asked for a field. ``unlike`` are the cases that no combination of what
    the others left agrees with.
    """

    domains: Domains
    shown_by: dict[str, list[str]]
    asked: dict[str, list[Case]]
    unlike: list[Case]


def narrow(cases: Iterable[Case]) -> Narrowed:
    """Take from each field the values that a case disagrees with under every combination of the others.

    A case depends on few fields, most of them narrowed by then, so every combination can be tried. What
    one case leaves open another may close: those that still tie fields together are tried again until
    nothing moves.
    """
    narrowed = Narrowed(every_value(), {}, {}, [])
    again = [case for case in cases if _take(case, narrowed, first=True)]
    while again:
        before = dict(narrowed.domains)
        again = [case for case in again if _take(case, narrowed)]
        if narrowed.domains == before:
            break
    return narrowed


def _take(case: Case, narrowed: Narrowed, *, first: bool = False) -> bool:
    """Narrow by one case; returns whether it ties together fields that are still open."""
    domains = narrowed.domains
    of_case = list(leaves(case, domains))
    fit = fitting(of_case)
    asked = dict.fromkeys(name for leaf in of_case for name in leaf.values)
    if first:
        for name in asked:
            narrowed.asked.setdefault(name, []).append(case)
    if not fit:
        narrowed.unlike.append(case)
        return False
    for name in asked:
        left = tuple(value for value in domains[name] if _allows(fit, name, value))
        if left != domains[name]:
            narrowed.shown_by.setdefault(name, []).append(case.scenario)
            domains[name] = left
    return any(leaf.kind is VerdictKind.DISAGREE and _is_open(leaf, domains) for leaf in of_case)


def _allows(fit: list[Leaf], name: str, value: object) -> bool:
    return any(leaf.values.get(name, value) == value for leaf in fit)


def _is_open(leaf: Leaf, domains: Domains) -> bool:
    """Whether these values are still among those left, each by itself."""
    return all(value in domains[name] for name, value in leaf.values.items())
