"""Verdicts in words: why a call went as it did, and in what it differs. The one place that makes them."""

from collections.abc import Iterable

from listenwatch.call.record import ListenCall
from listenwatch.call.text import state_name
from listenwatch.call.unseen import unseen_fields
from listenwatch.linux.names import errno_text
from listenwatch.model.inputs import Family, SocketState
from listenwatch.model.rules import BacklogRule, Cited
from listenwatch.model.run import Outcome
from listenwatch.model.socket_h import NotModelled, not_modelled
from listenwatch.model.stages import HASH_FUNCTIONS, Holds, StageIndex
from listenwatch.verdict.compare import Verdict, VerdictKind
from listenwatch.verdict.difference import Difference, Field, Place, Traffic, Value, Where, Witness
from listenwatch.verdict.excuses import Excuse
from listenwatch.verdict.inputs import Moved

EXCUSES = {
    Excuse.CALL_NOT_SEEN: (
        "a socket became a listener outside any call this attach mode sees "
        "(io_uring, a 32-bit caller or the kernel itself): backlog asked for unknown"
    ),
    Excuse.RETURN_NOT_SEEN: "the call's return was not seen",
    Excuse.RETURN_MISSED: "a return was missed by its probe, as where threads compete",
    Excuse.DESCRIPTOR_CHANGED: "descriptor {fd} named another file at the return",
    Excuse.CONTENDED: "another thread was in listen() on the same socket",
    Excuse.TABLE_SHARED: (
        "descriptor {fd} is shared by threads and its socket was not touched: this attach "
        "mode cannot see whether the kernel found another one there for a moment"
    ),
    Excuse.INPUT_MOVED: "others may have changed the socket or somaxconn during the call",
    Excuse.INPUT_NOT_SEEN: "what decides it, or what came of it, cannot be seen from user space",
    Excuse.PROBE_SKIPPED: "the kernel skipped a probe meanwhile",
    Excuse.RECORD_LOST: "the probe lost the record of this call: see the number of lost ones",
    Excuse.OTHERS_LOST: "the probe lost the records of other calls",
    Excuse.TOOK_LONG: "it took so long that packets were sent again meanwhile",
}

_PLACES: dict[tuple[Place, Field], str] = {
    (Where.RETURN, Field.RESULT): "result",
    (Where.POST, Field.SEEN): "socket at return",
    (Where.POST, Field.BOUND): "local address",
    (Where.POST, Field.LOCAL_PORT): "local port at return",
    (Where.POST, Field.STATE): "state at return",
    (Where.POST, Field.MAX_ACK_BACKLOG): "max_ack_backlog at return",
    (Where.SUBFLOW, Field.STATE): "subflow state at return",
    (Where.SUBFLOW, Field.MAX_ACK_BACKLOG): "subflow max_ack_backlog at return",
    (Where.SUBFLOW, Field.BOUND): "subflow local address",
    (Where.SUBFLOW, Field.LOCAL_PORT): "subflow local port at return",
    (Where.CALL, Field.RECORDED): "record",
    (Where.CALL, Field.ISSUED): "call",
}
_BOOLS = {
    Field.REACHED: ("not reached", "reached"),
    Field.SEEN: ("not seen", "readable"),
    Field.BOUND: ("none", "bound"),
    Field.RECORDED: ("none", "one"),
    Field.ISSUED: ("none", "one"),
}
_INPUTS = {
    "state": "its state", "socket_state": "the socket", "bound": "its local address", "subflow_state": "its subflow",
    "subflow_max_ack_backlog": "its subflow's limit",
}  # fmt: skip
_SOCKET_STATES = {int(state): state.name.lower() for state in SocketState} | {0: "not in use"}
_ABSENT = {Field.RESULT: "no return seen", Field.STATE: "no such listener"}


def reason(call: ListenCall, verdict: Verdict) -> str:
    """One line: why the call went as it did, in what it differs, or why nothing can be told."""
    match verdict.kind:
        case VerdictKind.AGREE:
            return _and_moved(explain(call, verdict.outcome), verdict) if verdict.outcome else ""
        case VerdictKind.DISAGREE:
            return differences_text(verdict.differences)
        case VerdictKind.UNMODELLED:
            return unmodelled_text(not_modelled(call.pre.family, call.pre.type, call.pre.protocol))
        case VerdictKind.INCONCLUSIVE:
            assert verdict.excuse is not None  # what makes it inconclusive
            text = EXCUSES[verdict.excuse].format(fd=call.fd)
            differences = differences_text(verdict.differences)
            return f"{text} ({differences})" if differences else text


def unmodelled_text(kind: NotModelled) -> str:
    """Which kind of socket the model does not describe, and why."""
    name = kind.name or ("this protocol" if kind.family in (Family.INET, Family.INET6) else "this family")
    numbers = f"family {kind.family}, type {kind.type}, protocol {kind.protocol}"
    return f"no model of {name} ({numbers}): {kind.why or 'it is not known here'}"


def explain(call: ListenCall, outcome: Outcome) -> str:
    """The numbers and what decided them, or why the call was refused."""
    if outcome.result:
        return f"{errno_text(outcome.result)}: {_of_rule(call, outcome.rule)}"
    if outcome.rule.is_all:
        return outcome.rule.reason
    stored = _stored(outcome)
    number, *more = _reasons(call, outcome)
    text = f"asked {call.backlog}, stored {stored}{': ' if number else ''}{number}"
    return "; ".join((text, *more))


def brief(call: ListenCall, verdict: Verdict) -> str:
    """The same for a line whose columns already hold the numbers."""
    outcome = verdict.outcome
    if verdict.kind is not VerdictKind.AGREE or outcome is None:
        return reason(call, verdict)
    if outcome.result or outcome.rule.is_all:
        return _and_moved(_of_rule(call, outcome.rule), verdict)
    number, *more = _reasons(call, outcome)
    return _and_moved("; ".join((number or "as asked", *more)), verdict)


def beyond_numbers(call: ListenCall, verdict: Verdict) -> str:
    """The same where the columns also hold whether the number was clamped: nothing for most calls."""
    outcome = verdict.outcome
    if verdict.kind is VerdictKind.AGREE and outcome and not (outcome.result or outcome.rule.is_all):
        number, *more = _reasons(call, outcome)
        if not number or outcome.backlog_rule is BacklogRule.CLAMPED:
            return "; ".join((*more, *map(moved_text, verdict.moved)))
    return brief(call, verdict)


def _and_moved(text: str, verdict: Verdict) -> str:
    return "; ".join((text, *map(moved_text, verdict.moved)))


def moved_text(moved: Moved) -> str:
    """``somaxconn was 128, then 64 during the call: 64 counts``."""
    name, (first, *later) = _INPUTS.get(moved.input, moved.input), (_input_text(moved, value) for value in moved.seen)
    return f"{name} was {first}, then {', '.join(later)} during the call: {_input_text(moved, moved.used)} counts"


def _input_text(moved: Moved, value: int) -> str:
    match moved.input:
        case "state" | "subflow_state":
            return state_name(value)
        case "socket_state":
            return _SOCKET_STATES.get(value, str(value))
        case "bound":
            return _BOOLS[Field.BOUND][bool(value)]
    return str(value)


def _reasons(call: ListenCall, outcome: Outcome) -> list[str]:
    """What the backlog rule says, which may be nothing, and what the rule adds."""
    number = outcome.backlog_rule.reason
    if outcome.backlog_rule is BacklogRule.KEPT and _stored(outcome) != call.backlog:
        number = "the field holds 16 bits only"
    return [number, *filter(None, [_of_rule(call, outcome.rule)])]


def _stored(outcome: Outcome) -> int:
    sock = outcome.subflow or outcome.socket
    return sock.max_ack_backlog if sock else 0


def _of_rule(call: ListenCall, rule: Cited) -> str:
    pre = call.pre
    return rule.reason.format(
        state=state_name(pre.state),
        socket_state="connecting or connected" if "socket_state" in unseen_fields(pre)
        else _SOCKET_STATES.get(pre.socket_state, f"in socket state {pre.socket_state}"),
        old_limit=pre.subflow_max_ack_backlog if pre.subflow_state else pre.max_ack_backlog,
    )


def differences_text(differences: Iterable[Difference]) -> str:
    """All of them in one line."""
    return "; ".join(map(difference_text, differences))


def difference_text(difference: Difference) -> str:
    """One difference: ``inet_listen value: predicted 128, observed 64``."""
    what, predicted, observed = difference_parts(difference)
    if difference.witness:
        return f"{what}: the probe saw {predicted}, the other witness {observed}"
    return f"{what}: predicted {predicted}, observed {observed}"


def difference_parts(difference: Difference) -> tuple[str, str, str]:
    """Its name and both values."""
    return (
        difference_name(difference), _value_text(difference, difference.predicted),
        _value_text(difference, difference.observed),
    )


def difference_name(difference: Difference) -> str:
    """Where and what: ``state at return``, ``inet_hash``, ``max_ack_backlog against sock_diag``."""
    place, field, witness = difference.place, difference.field, difference.witness
    name = field.value if isinstance(field, Field) else field
    if witness and witness is not Witness.ENGINE:
        return f"{name} against {witness.value}"
    text = _PLACES.get((place, field)) if isinstance(field, Field) else None
    if text is None:
        at = place_name(place)
        text = at if field is Field.REACHED else f"{at} {name}" if at else name
    if isinstance(place, Traffic):
        text = f"{text} ({', '.join(place.rules)})"
    return f"{text} against {witness.value}" if witness else text


def place_name(place: Place) -> str:
    """A stage by its label, traffic by what and how much, else the word for it."""
    if isinstance(place, StageIndex):
        return place.label
    if isinstance(place, Traffic):
        return f"{place.load} × {place.what}:"
    return "" if place is Where.CALL else place.value


def _value_text(difference: Difference, value: Value) -> str:
    place, field = difference.place, difference.field
    if isinstance(field, Field):
        if value is None:
            return _ABSENT.get(field, "none")
        if isinstance(value, bool) and field is Field.STATE:
            return "a listener" if value else "no such listener"
        if field in _BOOLS:
            return _BOOLS[field][bool(value)]
        if field is Field.STATE and isinstance(value, int):
            return state_name(value)
        if field is Field.RESULT and isinstance(value, int):
            return errno_text(value)
        if field is Field.VALUE and isinstance(place, StageIndex) and isinstance(value, int):
            return value_text(place, value)
    return str(value)


def value_text(index: StageIndex, value: int) -> str:
    """A stage's value as its stage means it: a state, a hash function, an errno or a number."""
    match index.holds:
        case Holds.OLD_STATE:
            return state_name(value)
        case Holds.HASH:
            return HASH_FUNCTIONS.get(value, str(value))
        case Holds.RESULT:
            return errno_text(value)
        case _:
            return str(value)
