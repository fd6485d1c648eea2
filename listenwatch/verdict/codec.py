"""Verdicts, differences and outcomes as JSON and back: ids and numbers, no words."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from listenwatch.call.forms import SOCKET_STATES, STAGE_NAMES, STATE_NUMBERS, STATES
from listenwatch.call.keys import Count, Incomplete, Reason, Totals
from listenwatch.model.rules import BacklogRule, Rule
from listenwatch.model.run import Outcome, Sock
from listenwatch.model.stages import StageIndex, StageValues
from listenwatch.verdict.compare import Verdict, VerdictKind
from listenwatch.verdict.difference import Difference, Field, Place, Traffic, Where, Witness
from listenwatch.verdict.excuses import Excuse
from listenwatch.verdict.inputs import Moved
from listenwatch.verdict.summary import Summary

_RULES = {rule.value: rule for rule in Rule}
_BACKLOG_RULES = {rule.value: rule for rule in BacklogRule}
_FIELDS = {field.value: field for field in Field}
_PLACES: dict[str, Where | StageIndex] = {where.value: where for where in Where}
_PLACES |= {stage.key: stage for stage in StageIndex}
_MOVED_NAMES = {"state": STATES, "subflow_state": STATES, "socket_state": SOCKET_STATES}
"""What JSON calls the numbers of these inputs."""
_PLACE_NAMES: dict[Place, str] = {place: name for name, place in _PLACES.items()}


class JudgedBy(TypedDict):
    """What was judged by, where it is not the kernel's own Behaviour."""

    behaviour_file: NotRequired[Annotated[str, "what was given with --behaviour-file, where it was"]]


class CallsSummary(Totals, JudgedBy):
    """What the calls of a watch or a recording came to."""

    in_flight: Annotated[Count, "calls that had not returned at the end"]
    left_out: Annotated[Count, "calls of this machine, one of which may have been of the command that was followed"]
    not_seen: Annotated[list[str], "entry paths (values of door) that this kernel has and the attach mode does not see"]
    unknown: Annotated[list[str], "fields of the kernel's Behaviour that are not known: either outcome agrees"]
    incomplete: Incomplete


class SummaryLine(TypedDict):
    """The last line of ``watch --json``, of ``replay --json`` and of a recording."""

    schema: Literal["listenwatch/summary/1"]
    reason: Annotated[Reason, "the totals in words"]
    summary: CallsSummary


def calls_summary(
    summary: Summary, *, in_flight: int = 0, left_out: int = 0, not_seen: Sequence[str] = (),
    unknown: Sequence[str] = (), incomplete: Sequence[str] = (), behaviour_file: str | None = None,
) -> SummaryLine:
    """The line with these totals."""
    judged_by: JudgedBy = {} if behaviour_file is None else {"behaviour_file": behaviour_file}
    totals: CallsSummary = {
        **summary.as_object(), **judged_by, "in_flight": in_flight, "left_out": left_out,
        "not_seen": list(not_seen), "unknown": list(unknown), "incomplete": list(incomplete),
    }  # fmt: skip
    return {"schema": "listenwatch/summary/1", "reason": str(summary), "summary": totals}


def verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    """The verdict without its outcome; keys are stable."""
    return {
        "verdict": verdict.kind.value, "rule": verdict.rule, "backlog_rule": verdict.backlog_rule,
        "excuse": verdict.excuse.value if verdict.excuse else None,
        "differences": [difference_to_json(difference) for difference in verdict.differences],
        "moved": [_moved_to_json(moved) for moved in verdict.moved],
    }


def verdict_from_json(fields: dict[str, Any]) -> Verdict:
    """The verdict in a line; KeyError, TypeError or ValueError if there is none. ``predicted`` is its outcome."""
    return Verdict(
        VerdictKind(fields["verdict"]), fields["rule"], fields["backlog_rule"],
        tuple(map(difference_from_json, fields["differences"])), outcome_from_json(fields),
        Excuse(fields["excuse"]) if fields.get("excuse") else None,
        tuple(map(_moved_from_json, fields.get("moved", ()))),
    )


def _moved_to_json(moved: Moved) -> dict[str, Any]:
    names = _MOVED_NAMES.get(moved.input, {})
    seen = [names.get(value, value) for value in moved.seen]
    return {"input": moved.input, "seen": seen, "used": names.get(moved.used, moved.used)}


def _moved_from_json(line: dict[str, Any]) -> Moved:
    numbers = {name: number for number, name in _MOVED_NAMES.get(line["input"], {}).items()}
    seen = tuple(numbers.get(value, value) for value in line["seen"])
    return Moved(line["input"], seen, numbers.get(line["used"], line["used"]))


def difference_to_json(difference: Difference) -> dict[str, Any]:
    """One difference: its place by the stage's or the moment's name, states by theirs."""
    place, field = difference.place, difference.field
    values = {"predicted": difference.predicted, "observed": difference.observed}
    for key, value in values.items():
        if isinstance(value, bytes):
            values[key] = value.hex()
        elif field is Field.STATE and value in STATES and not isinstance(value, bool):
            values[key] = STATES[value]
    name = field.value if isinstance(field, Field) else field
    line: dict[str, Any] = {"place": _PLACE_NAMES.get(place, "traffic"), "field": name, **values}
    if difference.witness:
        line["witness"] = difference.witness.value
    if isinstance(place, Traffic):
        line |= {**place._asdict(), "rules": list(place.rules)}
    return line


def difference_from_json(line: dict[str, Any]) -> Difference:
    """The difference in such an object."""
    traffic = line["place"] == "traffic"
    place: Place = Traffic(line["load"], line["what"], tuple(line["rules"])) if traffic else _PLACES[line["place"]]
    field = _FIELDS.get(line["field"], line["field"])
    predicted, observed = line["predicted"], line["observed"]
    if field is Field.STATE:
        predicted, observed = (STATE_NUMBERS.get(value, value) for value in (predicted, observed))
    witness = Witness(line["witness"]) if "witness" in line else None
    return Difference(place, field, predicted, observed, witness)


def outcome_to_json(outcome: Outcome | None) -> dict[str, Any] | None:
    """What the model said of a call: result, stages and the socket at the return; None where it said nothing."""
    if outcome is None:
        return None
    fields: dict[str, Any] = {"result": outcome.result}
    for owner, sock in (("", outcome.socket), ("subflow_", outcome.subflow)):
        fields[f"{owner}state"] = STATES.get(sock.state, sock.state) if sock else None
        fields[f"{owner}max_ack_backlog"] = sock.max_ack_backlog if sock else None
    fields["stages"] = {
        STAGE_NAMES[index]: {**stage._asdict(), "state": STATES.get(stage.state, stage.state)}
        for index, stage in outcome.stages.items()
    }
    return fields


def outcome_from_json(line: dict[str, Any]) -> Outcome | None:
    """The outcome in the ``predicted`` of a line, with what ``outcome_to_json`` keeps of it; None where there is none."""
    fields = line.get("predicted")
    if fields is None:
        return None
    stages = {
        StageIndex[name.upper()]: StageValues(**{**stage, "state": _state(stage["state"])})
        for name, stage in fields["stages"].items()
    }
    return Outcome(
        _RULES[line["rule"]], _BACKLOG_RULES[line["backlog_rule"]], fields["result"], stages,
        _sock(fields, ""), _sock(fields, "subflow_"),
    )


def _sock(fields: dict[str, Any], owner: str) -> Sock | None:
    if fields[f"{owner}state"] is None:
        return None
    state, limit = _state(fields[f"{owner}state"]), fields[f"{owner}max_ack_backlog"]
    return Sock(state, 0, limit, 0, bound=False)


def _state(state: str | int) -> int:
    return STATE_NUMBERS[state] if isinstance(state, str) else state
