"""A forecast as JSON."""

from __future__ import annotations

from listenwatch.behaviours import value_text
from listenwatch.forecast import Forecast
from listenwatch.model.eras import name
from listenwatch.model.run import Outcome
from listenwatch.reasons import errno_text
from listenwatch.report.forecast import era_of, rules_of
from listenwatch.verdict import state_name

SCHEMA = 1


def as_json(found: Forecast) -> dict[str, object]:
    """One object; its keys are stable."""
    listener = found.listener
    table = listener.table if listener else None
    return {
        "schema": SCHEMA,
        "kernel": name(found.version),
        "era": era_of(found),
        "question": found.question._asdict(),
        "environment": found.environment._asdict(),
        **_outcome(found.outcome),
        "accept_queue_capacity": found.capacity,
        "syn_queue_limit": found.syn_limit,
        "syn_queue_table": table._asdict() if table else None,
        "fastopen_max_qlen": found.sock.fastopen_max_qlen,
        "next": [
            {
                "situation": m.situation,
                "answer": m.fate.answer.name,
                "rule": m.fate.rule.value,
                "counters": list(m.fate.counters),
            }
            for m in found.meetings
        ],
        "or": [_outcome(other) for other in found.others],
        "rules": [
            {"id": r.value, "text": r.text, "source": r.source} for r in rules_of(found)
        ],
        "behaviour": {f: value_text(v) for f, v in found.behaviour._asdict().items()},
        "notes": list(found.notes),
    }


def _outcome(outcome: Outcome) -> dict[str, object]:
    sock = outcome.subflow or outcome.socket
    return {
        "result": outcome.result,
        "errno": errno_text(outcome.result) if outcome.result else None,
        "rule": outcome.rule.value,
        "backlog_rule": outcome.backlog_rule.value,
        "stored": sock.max_ack_backlog if sock else None,
        "state": state_name(sock.state) if sock else None,
        "steps": [{**s._asdict(), "state": state_name(s.state)} for s in outcome.steps],
    }
