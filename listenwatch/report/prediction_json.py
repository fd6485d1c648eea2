"""A prediction as JSON."""

from typing import Annotated, Literal, TypedDict

from listenwatch.call.keys import (
    Asked,
    BacklogRuleId,
    Capacity,
    Count,
    Errno,
    Only,
    Protocol,
    Release,
    Result,
    RuleId,
    Somaxconn,
    State,
    Stored,
)  # fmt: skip
from listenwatch.call.text import state_name
from listenwatch.linux.names import errno_text
from listenwatch.model.kernels import era_start, name
from listenwatch.model.queue_rules import Response
from listenwatch.model.request_sock import ListenSock
from listenwatch.model.run import Outcome
from listenwatch.prediction.calculator import Prediction
from listenwatch.report.behaviour import value_text
from listenwatch.report.prediction import counters_of, era_of, notes, rules_of, situation_text
from listenwatch.report.rules_json import RunObject, run_objects
from listenwatch.report.steps import step_text


class SysctlsObject(TypedDict):
    """Sysctls of a network namespace."""

    somaxconn: Somaxconn
    fastopen: int
    max_syn_backlog: int
    syncookies: int
    abort_on_overflow: int


class StepObject(TypedDict):
    """What a function of the kernel did, and the socket after it."""

    function: str
    does: Annotated[str, "in words"]
    state: State
    max_ack_backlog: int
    ack_backlog: int


class OutcomeObject(TypedDict):
    """How the call may end."""

    result: Result
    errno: Errno | None
    rule: RuleId
    backlog_rule: BacklogRuleId
    stored: Stored | None
    state: State | None
    steps: list[StepObject]


class TableObject(TypedDict):
    """The table of requests, which a listener has up to 4.3."""

    nr_table_entries: Count
    max_qlen_log: Count


class NextObject(TypedDict):
    """What the next connection gets in a situation."""

    situation: Annotated[str, "in words"]
    answer: Annotated[str, Only(of=tuple(response.name for response in Response))]
    rule: RuleId
    counters: Annotated[list[str] | None, "the counters that move; null where that is not known"]


class CitedObject(TypedDict):
    """A rule that the prediction used."""

    id: str
    text: str
    source: Annotated[str, "the place in the kernel source"]


class PredictionLine(OutcomeObject):
    """What listen() does on a kernel, of ``predict --json``: the likeliest outcome, and what else there may be."""

    schema: Literal["listenwatch/prediction/2"]
    release: Release
    era: Annotated[Release, "with which its behaviour began"]
    asked: Asked
    somaxconn: Somaxconn
    protocol: Protocol
    relisten: Annotated[int | None, "the backlog of a listen() before; null if there was none"]
    bound: bool
    environment: SysctlsObject
    capacity: Annotated[Capacity | None, "null: without end, or nothing listens"]
    syn_queue_limit: Annotated[int | None, "requests that wait before the SYN queue is full; null: not known, or there is none"]
    syn_queue_table: TableObject | None
    fastopen_max_qlen: Count
    next: list[NextObject]
    others: Annotated[list[OutcomeObject], "where the port is taken, or no memory is left"]
    rules: list[CitedObject]
    behaviour: Annotated[dict[str, str], "the values of the fields of Behaviour"]
    notes: Annotated[list[str], "in words, what the numbers do not say"]
    run: Annotated[list[RunObject], "kernels of its era that were run; empty: it was only read in source"]


def as_json(prediction: Prediction) -> PredictionLine:
    """One object; its keys are stable."""
    listener, parameters = prediction.listener, prediction.parameters
    table, env = listener.table if listener else None, prediction.environment
    return {
        "schema": "listenwatch/prediction/2", "release": name(prediction.version), "era": era_of(prediction),
        "asked": parameters.backlog, "somaxconn": env.somaxconn, "protocol": parameters.family,
        "relisten": parameters.relisten, "bound": parameters.bound,
        "environment": {
            "somaxconn": env.somaxconn, "fastopen": env.fastopen, "max_syn_backlog": env.max_syn_backlog,
            "syncookies": env.syncookies, "abort_on_overflow": env.abort_on_overflow,
        }, **_outcome(prediction.outcome),
        "capacity": prediction.capacity, "syn_queue_limit": prediction.syn_limit,
        "syn_queue_table": _table(table) if table else None,
        "fastopen_max_qlen": prediction.sock.fastopen_max_qlen,
        "next": [
            {"situation": situation_text(s), "answer": s.response.response.name,
             "rule": s.response.rule.value, "counters": counters_of(s.response)}
            for s in prediction.situations
        ],
        "others": [_outcome(other) for other in prediction.others],
        "rules": [
            {"id": r.value, "text": r.text, "source": r.source_in(prediction.behaviour)}
            for r in rules_of(prediction)
        ],
        "behaviour": {f: value_text(v) for f, v in prediction.behaviour.values().items()},
        "notes": list(notes(prediction)), "run": run_objects(era_start(prediction.version)),
    }  # fmt: skip


def _table(table: ListenSock) -> TableObject:
    return {"nr_table_entries": table.nr_table_entries, "max_qlen_log": table.max_qlen_log}


def _outcome(outcome: Outcome) -> OutcomeObject:
    sock = outcome.subflow or outcome.socket
    return {
        "result": outcome.result, "errno": errno_text(outcome.result) if outcome.result else None,
        "rule": outcome.rule.value, "backlog_rule": outcome.backlog_rule.value,
        "stored": sock.max_ack_backlog if sock else None, "state": state_name(sock.state) if sock else None,
        "steps": [
            {"function": step.function, "does": step_text(step), "state": state_name(step.state),
             "max_ack_backlog": step.max_ack_backlog, "ack_backlog": step.ack_backlog}
            for step in outcome.steps
        ],
    }  # fmt: skip
