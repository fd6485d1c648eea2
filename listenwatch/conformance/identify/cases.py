"""What a kernel is identified by: calls that were made, each to be judged under any behaviour."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import partial
from typing import NamedTuple, cast

from listenwatch.conformance.harness.journal import Issued
from listenwatch.conformance.harness.judging import Judged, judge_pair
from listenwatch.conformance.matrix.vectors import case_of
from listenwatch.conformance.run import Result
from listenwatch.model.behaviour import FIELDS, Behaviour
from listenwatch.model.choices import Choices
from listenwatch.verdict.compare import VerdictKind
from listenwatch.verdict.excuses import Excuse

Domains = dict[str, tuple[object, ...]]
"""The values that each field of Behaviour may have still, the likeliest first."""

FITS = (VerdictKind.AGREE, VerdictKind.INCONCLUSIVE)
"""What says nothing against a behaviour; one that has no model of a call fits only where none has."""


class Case(NamedTuple):
    """A call, or one thing that traffic then did to its listener, by the scenario.

    ``judge`` holds it against a behaviour; cases with one ``key`` are the same.
    """

    scenario: str
    judge: Callable[[Behaviour], Judged]
    key: Hashable


class Leaf(NamedTuple):
    """The values of the fields that one judging of a case asked for, in their order, and its verdict."""

    values: dict[str, object]
    kind: VerdictKind


class _Candidate:
    """A Behaviour during one judging: a field that is asked for has a value of its domain, and keeps it."""

    unknown = frozenset[str]()

    def __init__(self, domains: Domains, choices: Choices) -> None:
        self._domains, self._choices = domains, choices

    def __getattr__(self, name: str) -> object:
        """The value of a field; Python asks here only until it is set."""
        if name not in FIELDS:
            raise AttributeError(name)
        domain = self._domains[name]
        value = self._choices.choose(*domain) if len(domain) > 1 else domain[0]
        setattr(self, name, value)
        return value


def every_value() -> Domains:
    """Each field with all the values it ever had."""
    return {name: history.values for name, history in FIELDS.items()}


def leaves(case: Case, domains: Domains) -> Iterator[Leaf]:
    """The verdict on a case for every combination of values that makes a difference to it."""
    script: tuple[int, ...] | None = ()
    while script is not None:
        choices = Choices(script)
        candidate = _Candidate(domains, choices)
        kind = case.judge(cast("Behaviour", candidate)).verdict.kind
        yield Leaf({name: value for name, value in vars(candidate).items() if name in FIELDS}, kind)
        script = choices.next_script()


def fitting(of_case: list[Leaf]) -> list[Leaf]:
    """Those that nothing speaks against."""
    if all(leaf.kind is VerdictKind.UNMODELLED for leaf in of_case):
        return of_case
    return [leaf for leaf in of_case if leaf.kind in FITS]


def of_results(results: Iterable[Result]) -> Iterator[Case]:
    """The calls of scenarios; what was lost says nothing of the kernel.

    Each measurement is a case of its own, so that none depends on many fields at once. A call without a record, or a
    record without a call, disagrees with every behaviour.
    """
    for result in results:
        for number, judged in enumerate(result.calls):
            if judged.verdict.excuse in (Excuse.RECORD_LOST, Excuse.OTHERS_LOST):
                continue
            if judged.call is None or judged.issued is None:
                judge = partial(judge_pair, (judged.issued, judged.call))
                yield Case(result.scenario, judge, (result.scenario, number))
                continue
            for measured in ((), *((measurement,) for measurement in judged.issued.measured)):
                issued = judged.issued._replace(measured=measured)
                judge = partial(judge_pair, (issued, judged.call), skipped=judged.skipped)
                yield Case(result.scenario, judge, (case_of("", judged.call), _key(issued), bool(judged.skipped)))


def _key(issued: Issued) -> Hashable:
    """What the verdict depends on besides the record; a measurement holds dictionaries, which no set can."""
    return issued.backlog, issued.error, issued.entry_path, issued.knowledge, issued.reading, repr(issued.measured)


def distinct(cases: Iterable[Case]) -> list[Case]:
    """The first of those that are the same."""
    by_key: dict[Hashable, Case] = {}
    for case in cases:
        by_key.setdefault(case.key, case)
    return list(by_key.values())
