"""Each field of the kernel's behaviour: its value, what decided it, or why nothing here can."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from listenwatch.conformance.identify.narrow import Narrowed
from listenwatch.conformance.identify.settle import Settled
from listenwatch.features.behaviour import by_release
from listenwatch.linux.kernel import Kernel
from listenwatch.model.behaviour import FIELDS, Behaviour
from listenwatch.model.history import Version
from listenwatch.model.run import Outcome
from listenwatch.model.variants import NO_MPTCP


class How(Enum):
    """What decided a field."""

    EXPERIMENT = "experiment"
    EVIDENCE = "evidence"
    UNDECIDED = "undecided"


class Why(Enum):
    """Why no call decides a field."""

    NO_CALL = "no-call"
    SAME_OUTCOME = "same-outcome"
    NOT_SEEN = "not-seen"


class Finding(NamedTuple):
    """One field: its value (None where undecided), the values that calls left, and what decided it or why none did.

    ``scenarios`` are those whose calls excluded values, ``name`` what the kernel's BTF or symbols have or have not,
    ``named`` the value that shows, and ``contradicted`` says that the calls exclude it. ``release`` is
    what the release number alone says (None: nothing).
    """

    field: str
    value: object
    how: How
    left: tuple[object, ...]
    why: Why | None
    scenarios: tuple[str, ...]
    asked: int
    name: str
    named: object
    release: object

    @property
    def contradicted(self) -> bool:
        """Whether the calls exclude what the names show."""
        return bool(self.name) and self.named not in self.left

    @property
    def wrong_by_release(self) -> bool:
        """Whether the release number alone would have said something else; what was not built no release says."""
        return None not in (self.value, self.release) and self.value != self.release and not self.not_built

    @property
    def not_built(self) -> bool:
        """Whether the kernel's release may have it, and it was built without: its configuration, not its age."""
        return self.value == NO_MPTCP and self.release != NO_MPTCP

    @property
    def since(self) -> Version | None:
        """The mainline release since which the value stands, or last stood; None where it is undecided."""
        changes = reversed(FIELDS[self.field].changes)
        return next((first for first, value in changes if value == self.value), None)


def findings(narrowed: Narrowed, settled: Settled, kernel: Kernel) -> list[Finding]:
    """A finding for each field; the kernel's names and release are looked at here only, after the calls."""
    released = by_release(kernel).values()
    result = []
    for field, history in FIELDS.items():
        left = narrowed.domains[field]
        named, name = history.shown(kernel.has) or (None, "")
        value, how, why = getattr(settled.behaviour, field), How.EXPERIMENT, None
        if len(left) > 1:
            why = _why(field, narrowed, settled.behaviour)
            value, how = (named, How.EVIDENCE) if name and named in left else (None, How.UNDECIDED)
        scenarios = tuple(dict.fromkeys(narrowed.shown_by.get(field, ())))
        asked = len(narrowed.asked.get(field, ()))
        result.append(Finding(field, value, how, left, why, scenarios, asked, name, named, released[field]))
    return result


def _why(field: str, narrowed: Narrowed, behaviour: Behaviour) -> Why:
    """Whether no call asks for it, or the calls go the same way, or another way that nobody could see."""
    asked = narrowed.asked.get(field)
    if not asked:
        return Why.NO_CALL
    now = getattr(behaviour, field)
    others = [behaviour.replace(**{field: value}) for value in narrowed.domains[field] if value != now]
    differ = any(
        _way(case.judge(behaviour).verdict.outcome) != _way(case.judge(other).verdict.outcome)
        for case in asked
        for other in others
    )
    return Why.NOT_SEEN if differ else Why.SAME_OUTCOME


def _way(outcome: Outcome | None) -> object:
    """What a probe that sees everything would see of an outcome."""
    if outcome is None:
        return None
    socks = [sock and (sock.state, sock.max_ack_backlog, sock.bound) for sock in (outcome.socket, outcome.subflow)]
    return outcome.result, outcome.stages, socks


def combined(found_out: Sequence[Finding]) -> Behaviour:
    """The behaviour of the findings; what is undecided is unknown, so every value of it is allowed."""
    return Behaviour().replace(**{finding.field: finding.value for finding in found_out})
