"""Each field of Behaviour alone changes a prediction, and only where it should."""

from __future__ import annotations

import ast
import inspect
import re
from itertools import pairwise
from typing import Any

import pytest

from listenwatch.model import behaviour as module
from listenwatch.model.behaviour import LINUX_5_10, LINUX_6_6, LINUX_7_3, Behaviour, Stored
from listenwatch.model.inputs import Knowledge, Socket, TcpState, Ulp
from listenwatch.model.run import Outcome
from listenwatch.model.stages import StageIndex
from tests.unit.make import FREE, INT_MAX, MPTCP, TAKEN, TCP, TCP6, UNIX, outcome, outcomes

Case = tuple[str, object, Socket, int, Knowledge]

CASES: list[Case] = [
    ("max_ack_backlog_bits", 16, TCP, 65536, FREE),
    ("max_ack_backlog_bits", 16, UNIX, 65537, FREE),
    ("stored", Stored.INSIDE_LISTEN_START, TCP, 511, FREE),
    ("stored", Stored.AFTER_LISTEN_START, TCP, 511, TAKEN),
    ("ulp_without_clone_refused", False, TCP._replace(ulp=Ulp.NO_CLONE), 511, FREE),
    ("ulp_without_clone_refused", None, TCP._replace(ulp=Ulp.NO_CLONE), 511, FREE),
    ("ipv6_hash", "inet6_hash", TCP6, 511, FREE),
    ("mptcp_enters", "inet_listen", MPTCP, 511, FREE),
    ("unix_wrong_state_listens", True, UNIX._replace(state=TcpState.ESTABLISHED), 511, FREE),
    ("unix_wrong_state_listens", None, UNIX._replace(state=TcpState.ESTABLISHED), 511, FREE),
]


def visible(found: list[Outcome]) -> list[tuple[object, ...]]:
    """What a probe could see of these outcomes; rule names do not count."""
    return [
        (
            o.result,
            tuple(o.stages.items()),
            *((s.state, s.max_ack_backlog, s.bound) for s in (o.socket, o.subflow) if s),
        )
        for o in found
    ]


def changed(field: str, value: Any) -> Behaviour:
    """The newest Behaviour with one field changed."""
    return LINUX_7_3._replace(**{field: value})


def predicted(case: Case, behaviour: Behaviour) -> list[tuple[object, ...]]:
    """What is visible of a case under a Behaviour."""
    _, _, pre, backlog, knowledge = case
    return visible(
        outcomes(pre, backlog, somaxconn=INT_MAX, behaviour=behaviour, knowledge=knowledge)
    )


@pytest.mark.parametrize("case", CASES, ids=[f"{field}={value}" for field, value, *_ in CASES])
def test_a_field_alone_changes_a_prediction(case: Case) -> None:
    assert predicted(case, changed(*case[:2])) != predicted(case, LINUX_7_3)


@pytest.mark.parametrize("case", [case for case in CASES if case[0] != "stored"])
def test_a_field_leaves_a_plain_listen_alone(case: Case) -> None:
    """A bound TCP socket over IPv4 and a small backlog: only the order of writes shows there."""
    assert visible([outcome(behaviour=changed(*case[:2]))]) == visible([outcome()])


def test_every_field_has_a_case() -> None:
    assert {field for field, *_ in CASES} == set(Behaviour._fields)


def test_none_gives_both_outcomes() -> None:
    for case in CASES:
        field, value = case[:2]
        if value is None:
            both = predicted(case, changed(field, None))
            each = [*predicted(case, changed(field, True)), *predicted(case, changed(field, False))]
            assert both == each


def test_every_field_cites_its_source() -> None:
    """A docstring under each field, with a commit or the file it was read in."""
    tree = ast.parse(inspect.getsource(module))
    (body,) = (n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Behaviour")
    told = {}
    for node, after in pairwise(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            assert isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            told[node.target.id] = str(after.value.value)
    assert set(told) == set(Behaviour._fields)
    for field, text in told.items():
        assert re.search(r"commit [0-9a-f]{12} \(\"|\.c\)", text), field
        assert re.search(r"v\d+\.\d+", text), field


def test_eras_differ_as_their_names_say() -> None:
    assert Behaviour() == LINUX_7_3
    assert outcome(TCP6, behaviour=LINUX_6_6).stages[StageIndex.HASH].value == 2
    assert StageIndex.INET_LISTEN in outcome(MPTCP, behaviour=LINUX_5_10).stages
