"""gVisor's listen(), rule by rule."""

from __future__ import annotations

from errno import EADDRINUSE, EAGAIN, EBADF, EINVAL, ENOTSOCK, EOPNOTSUPP

import pytest

from listenwatch.model.gvisor import GVISOR
from listenwatch.model.gvisor_rules import GvisorBacklogRule, GvisorQueueRule, GvisorRule
from listenwatch.model.inputs import EntryPath, Environment, Knowledge, Request, Socket, TcpState
from listenwatch.model.predict import predict
from listenwatch.model.rules import Cited
from listenwatch.model.run import Outcome
from listenwatch.model.socket_h import Unmodelled
from tests.helpers.make import NOTHING, TCP, UNBOUND, UNIX

ENVIRONMENT = Environment(5, 0, 0, 0, 0)
KNOWN = Knowledge(port_free=True, waiting=0, failed_before=False)
LISTENS = TCP._replace(state=TcpState.LISTEN)


def outcomes(
    backlog: int, pre: Socket, knowledge: Knowledge = KNOWN, *, is_file: bool = True, is_socket: bool = True
) -> list[Outcome]:
    request = Request(EntryPath.SYSCALL, is_file, is_socket, backlog)
    return list(predict(request, pre, ENVIRONMENT, GVISOR, knowledge))


def only(*arguments: object, **more: bool) -> Outcome:
    (outcome,) = outcomes(*arguments, **more)  # type: ignore[arg-type]
    return outcome


@pytest.mark.parametrize(
    ("backlog", "limit", "rule"),
    [
        (-1, 1024, GvisorBacklogRule.CLAMPED), (-(2**31), 1024, GvisorBacklogRule.CLAMPED), (0, 0, GvisorBacklogRule.KEPT),
        (1024, 1024, GvisorBacklogRule.KEPT), (1025, 1024, GvisorBacklogRule.CLAMPED), (6, 6, GvisorBacklogRule.KEPT),
    ],
)  # fmt: skip
def test_the_clamp_is_a_constant(backlog: int, limit: int, rule: GvisorBacklogRule) -> None:
    """somaxconn is 5 here, and plays no part."""
    outcome = only(backlog, TCP)
    assert outcome.socket
    assert (outcome.result, outcome.socket.max_ack_backlog, outcome.socket.state) == (0, limit, TcpState.LISTEN)
    assert outcome.backlog_rule is rule


RULES = [
    (GvisorRule.LISTENS, 0, TCP, KNOWN), (GvisorRule.AUTOBINDS, 0, UNBOUND, KNOWN), (GvisorRule.RELISTENS, 0, LISTENS, KNOWN),
    (GvisorRule.SHRINK_REFUSED, -EINVAL, LISTENS, KNOWN._replace(waiting=7)),
    (GvisorRule.RELISTENS, 0, LISTENS, KNOWN._replace(waiting=6)),
    (GvisorRule.PORT_TAKEN, -EADDRINUSE, TCP, KNOWN._replace(port_free=False)),
    (GvisorRule.NO_FREE_PORT, -EAGAIN, UNBOUND, KNOWN._replace(port_free=False)),
    (GvisorRule.FAILED_BEFORE, -EINVAL, TCP, KNOWN._replace(failed_before=True)),
    (GvisorRule.WRONG_STATE, -EINVAL, TCP._replace(state=TcpState.ESTABLISHED), KNOWN),
    (GvisorRule.WRONG_STATE, -EINVAL, TCP._replace(state=TcpState.SYN_SENT), KNOWN),
    (GvisorRule.UNIX_LISTENS, 0, UNIX, KNOWN), (GvisorRule.UNIX_UNBOUND, -EINVAL, UNIX._replace(bound=0), KNOWN),
    (GvisorRule.UNIX_LISTENS, 0, UNIX._replace(state=TcpState.ESTABLISHED), KNOWN),
    (GvisorRule.UNIX_RELISTENS, 0, UNIX._replace(state=TcpState.LISTEN), KNOWN),
    (GvisorRule.UNIX_SHRINK_REFUSED, -EINVAL, UNIX._replace(state=TcpState.LISTEN), KNOWN._replace(waiting=7)),
    (GvisorRule.NOT_SUPPORTED, -EOPNOTSUPP, TCP._replace(type=2, protocol=17), KNOWN),
    (GvisorRule.NOT_SUPPORTED, -EOPNOTSUPP, UNIX._replace(type=2), KNOWN),
    (GvisorRule.NOT_SUPPORTED, -EOPNOTSUPP, NOTHING._replace(family=16, type=3, seen=1), KNOWN),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "result", "pre", "knowledge"), RULES)
def test_each_way_a_call_ends(rule: GvisorRule, result: int, pre: Socket, knowledge: Knowledge) -> None:
    outcome = only(5, pre, knowledge)
    assert (outcome.rule, outcome.result) == (rule, result)
    assert outcome.socket
    if result:
        assert (outcome.socket.state, outcome.socket.max_ack_backlog) == (pre.state, pre.max_ack_backlog)


@pytest.mark.parametrize(
    ("is_file", "is_socket", "rule", "result"),
    [(False, False, GvisorRule.BAD_DESCRIPTOR, -EBADF), (True, False, GvisorRule.NOT_A_SOCKET, -ENOTSOCK)],
)
def test_descriptors(is_file: bool, is_socket: bool, rule: GvisorRule, result: int) -> None:
    outcome = only(5, NOTHING, is_file=is_file, is_socket=is_socket)
    assert (outcome.rule, outcome.result, outcome.socket) == (rule, result, None)
    assert outcome.backlog_rule is GvisorBacklogRule.NOT_REACHED


def test_every_rule_is_shown() -> None:
    shown = {rule for rule, *_ in RULES} | {GvisorRule.BAD_DESCRIPTOR, GvisorRule.NOT_A_SOCKET}
    assert shown == set(GvisorRule)


def test_what_is_not_known_is_left_open() -> None:
    assert [o.result for o in outcomes(5, LISTENS, Knowledge())] == [0, -EINVAL]
    assert {o.rule for o in outcomes(5, TCP, Knowledge())} == {GvisorRule.LISTENS, GvisorRule.PORT_TAKEN, GvisorRule.FAILED_BEFORE}


def test_an_autobound_port_nobody_can_predict() -> None:
    sock = only(5, UNBOUND).socket
    assert sock and (sock.bound, sock.local_port) == (True, None)


def test_a_family_without_a_model_is_said() -> None:
    with pytest.raises(Unmodelled):
        outcomes(5, TCP._replace(family=40, protocol=0))


@pytest.mark.parametrize("kind", [GvisorRule, GvisorBacklogRule, GvisorQueueRule])
def test_ids_are_apart_from_those_of_linux_and_cite_their_place(kind: type[Cited]) -> None:
    for rule in kind:
        assert rule.value.startswith("gvisor-")
        assert "pkg/" in rule.source or rule is GvisorBacklogRule.NOT_REACHED
