"""Verdicts as JSON: each key and value, and what comes back of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from listenwatch.model.inputs import Knowledge, SocketState, TcpState
from listenwatch.model.run import Outcome
from listenwatch.model.stages import StageIndex
from listenwatch.verdict.codec import (
    difference_from_json,
    difference_to_json,
    outcome_from_json,
    outcome_to_json,
    verdict_from_json,
    verdict_to_json,
)
from listenwatch.verdict.compare import Verdict, VerdictKind, judge
from listenwatch.verdict.difference import Difference, Field, Traffic, Where, Witness
from listenwatch.verdict.excuses import Excuse
from listenwatch.verdict.inputs import Moved
from tests.helpers.eras import LINUX_7_3
from tests.helpers.make import FREE, MPTCP, TCP, outcome, record

DIFFERENCES: list[tuple[Difference, dict[str, Any]]] = [
    (
        Difference(Where.RETURN, Field.RESULT, 0, -22),
        {"place": "return", "field": "result", "predicted": 0, "observed": -22},
    ),
    (
        Difference(StageIndex.STATE_CLOSE, Field.REACHED, True, False),
        {"place": "state_close", "field": "reached", "predicted": True, "observed": False},
    ),
    (
        Difference(Where.POST, Field.STATE, TcpState.LISTEN, None, Witness.SOCK_DIAG),
        {"place": "post", "field": "state", "predicted": "LISTEN", "observed": None, "witness": "sock_diag"},
    ),
    (
        Difference(Where.SUBFLOW, Field.STATE, 99, TcpState.CLOSE),
        {"place": "subflow", "field": "state", "predicted": 99, "observed": "CLOSE"},
    ),
    (
        Difference(Where.CALL, Field.RECORDED, 7, 10),
        {"place": "call", "field": "recorded", "predicted": 7, "observed": 10},
    ),
    (
        Difference(Where.PRE, "comm", b"\xffx", None, Witness.ENGINE),
        {"place": "pre", "field": "comm", "predicted": "ff78", "observed": None, "witness": "the first engine"},
    ),
    (
        Difference(Traffic(7, "connect", ("a", "b")), "held", 6, 5),
        {
            **{"place": "traffic", "field": "held", "predicted": 6, "observed": 5},
            **{"load": 7, "what": "connect", "rules": ["a", "b"]},
        },
    ),
]


@pytest.mark.parametrize(("difference", "line"), DIFFERENCES)
def test_a_difference(difference: Difference, line: dict[str, Any]) -> None:
    assert difference_to_json(difference) == line
    assert json.loads(json.dumps(line)) == line


@pytest.mark.parametrize(("difference", "line"), [pair for pair in DIFFERENCES if pair[0].field != "comm"])
def test_a_difference_comes_back(difference: Difference, line: dict[str, Any]) -> None:
    assert difference_from_json(line) == difference


def test_a_verdict() -> None:
    differences = tuple(difference for difference, _ in DIFFERENCES[:3])
    verdict = Verdict(
        VerdictKind.INCONCLUSIVE, "none", "not-reached", differences, excuse=Excuse.CONTENDED
    )
    line = {
        "verdict": "INCONCLUSIVE",
        "rule": "none",
        "backlog_rule": "not-reached",
        "excuse": "contended",
        "differences": [line for _, line in DIFFERENCES[:3]],
        "moved": [],
    }
    assert verdict_to_json(verdict) == line
    assert verdict_from_json(line) == verdict
    assert verdict_to_json(verdict._replace(excuse=None, differences=()))["excuse"] is None


MOVED: list[tuple[Moved, dict[str, Any]]] = [
    (Moved("somaxconn", (128, 64), 64), {"input": "somaxconn", "seen": [128, 64], "used": 64}),
    (
        Moved("state", (TcpState.CLOSE, TcpState.SYN_SENT, 99), TcpState.CLOSE),
        {"input": "state", "seen": ["CLOSE", "SYN_SENT", 99], "used": "CLOSE"},
    ),
    (
        Moved("socket_state", (SocketState.UNCONNECTED, SocketState.CONNECTING), SocketState.CONNECTING),
        {"input": "socket_state", "seen": ["UNCONNECTED", "CONNECTING"], "used": "CONNECTING"},
    ),
    (Moved("bound", (0, 1), 1), {"input": "bound", "seen": [0, 1], "used": 1}),
]


@pytest.mark.parametrize(("moved", "line"), MOVED)
def test_an_input_that_moved(moved: Moved, line: dict[str, Any]) -> None:
    agreed = judge(record(), LINUX_7_3)._replace(moved=(moved,))
    assert verdict_to_json(agreed)["moved"] == [line]
    restored = verdict_from_json(json.loads(json.dumps(verdict_to_json(agreed))))
    assert restored.moved == (moved,)
    older = verdict_to_json(agreed)
    del older["moved"]
    assert verdict_from_json(older).moved == ()


def test_a_verdict_with_its_outcome() -> None:
    call = record()._replace(result=-1)
    verdict = judge(call, LINUX_7_3, FREE)
    line = {**verdict_to_json(verdict), "predicted": outcome_to_json(verdict.outcome)}
    restored = verdict_from_json(json.loads(json.dumps(line)))
    assert restored[:4] == verdict[:4] and restored.excuse is None
    assert restored.outcome is not None and verdict.outcome is not None
    assert restored.outcome[:4] == verdict.outcome[:4]


@pytest.mark.parametrize("damage", [{"verdict": "AGREED"}, {"excuse": "none"}])
def test_what_is_no_verdict_is_refused(damage: dict[str, str]) -> None:
    line = verdict_to_json(judge(record(), LINUX_7_3))
    with pytest.raises(ValueError, match="is not a valid"):
        verdict_from_json({**line, **damage})


def test_an_outcome() -> None:
    refused = outcome(TCP._replace(max_ack_backlog=7, state=99), knowledge=Knowledge(refusal=-13))
    assert outcome_to_json(refused) == {
        "result": -13,
        "state": 99,
        "max_ack_backlog": 7,
        "subflow_state": None,
        "subflow_max_ack_backlog": None,
        "stages": {
            "security": {"value": 511, "max_ack_backlog": 7, "ack_backlog": None, "state": 99},
            "security_return": {"value": -13, "max_ack_backlog": 7, "ack_backlog": None, "state": 99},
        },
    }
    assert outcome_to_json(None) is None
    assert outcome_from_json({}) is outcome_from_json({"predicted": None}) is None


@pytest.mark.parametrize("expected", [outcome(TCP), outcome(MPTCP), outcome(TCP._replace(state=99))])
def test_an_outcome_comes_back(expected: Outcome) -> None:
    line = {
        "rule": expected.rule.value,
        "backlog_rule": expected.backlog_rule.value,
        "predicted": json.loads(json.dumps(outcome_to_json(expected))),
    }
    restored = outcome_from_json(line)
    assert restored is not None
    assert restored[:4] == expected[:4]
    for sock, other in ((restored.socket, expected.socket), (restored.subflow, expected.subflow)):
        assert (sock is None) == (other is None)
        if sock and other:
            assert (sock.state, sock.max_ack_backlog) == (other.state, other.max_ack_backlog)
            assert (sock.socket_state, sock.ack_backlog, sock.bound) == (0, 0, False)
