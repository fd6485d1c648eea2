"""Verdicts where not all could be seen: agreement only if every value it may have had agrees."""

from __future__ import annotations

import json

import pytest

from listenwatch.call.codec import call_from_json, call_to_json
from listenwatch.call.record import Flag, ListenCall
from listenwatch.call.unseen import FIELDS, Unseen, seen_without, unseen_fields
from listenwatch.model.inputs import Bound, Environment, Socket, SocketState, TcpState
from listenwatch.report.text import reason
from listenwatch.verdict.compare import Verdict, VerdictKind, judge
from listenwatch.verdict.excuses import Excuse
from listenwatch.verdict.unseen import completed
from tests.helpers.calls import BEHAVIOUR, call
from tests.helpers.make import MPTCP, TCP, UNIX


def hidden(sock: Socket, what: int) -> Socket:
    """The same socket as somebody sees it who cannot see this."""
    sock = sock._replace(seen=1 | what)
    bound = Bound.UNKNOWN if what & Unseen.PORT else sock.bound
    return sock._replace(**dict.fromkeys(unseen_fields(sock), 0))._replace(bound=bound)


def from_user_space(made: ListenCall, pre: int, post: int = 0) -> ListenCall:
    seen = made._replace(pre=hidden(made.pre, pre), post=hidden(made.post, post), stages={}, hooks=0)
    return seen._replace(flags=seen.flags | Flag.SHARED_FILE)


def judged(made: ListenCall) -> Verdict:
    return judge(made, BEHAVIOUR)


FRESH = Unseen.BACKLOGS | Unseen.PORT


def test_what_is_seen_of_an_ordinary_call_is_enough() -> None:
    verdict = judged(from_user_space(call(TCP, 511, somaxconn=128), FRESH))
    assert (verdict.kind, verdict.rule, verdict.backlog_rule) == (VerdictKind.AGREE, "listens", "clamped")


def test_a_wrong_limit_is_a_disagreement_all_the_same() -> None:
    made = from_user_space(call(TCP, 511, somaxconn=128), FRESH)
    wrong = made._replace(post=made.post._replace(max_ack_backlog=129))
    assert judged(wrong).kind is VerdictKind.DISAGREE


def test_a_port_that_changed_may_have_been_lost_before() -> None:
    made = from_user_space(call(TCP), FRESH)
    moved = made._replace(post=made.post._replace(local_port=made.post.local_port + 1))
    assert judged(moved).excuse is Excuse.INPUT_NOT_SEEN


def test_either_state_of_a_connection_s_socket_is_refused() -> None:
    pre = TCP._replace(state=TcpState.ESTABLISHED, socket_state=SocketState.CONNECTED)
    made = from_user_space(call(pre), Unseen.BACKLOGS | Unseen.SOCKET_STATE, Unseen.BACKLOGS | Unseen.SOCKET_STATE)
    verdict = judged(made)
    assert (verdict.kind, verdict.rule) == (VerdictKind.AGREE, "wrong-socket-state")
    assert "connecting or connected" in reason(made, verdict)


def test_a_closed_socket_that_was_refused_may_have_been_in_either_state() -> None:
    pre = TCP._replace(socket_state=SocketState.CONNECTED)
    unseen = FRESH | Unseen.SOCKET_STATE
    assert judged(from_user_space(call(pre), unseen, unseen)).excuse is Excuse.INPUT_NOT_SEEN


@pytest.mark.parametrize(("backlog", "kind"), [(0, VerdictKind.AGREE), (5, VerdictKind.INCONCLUSIVE)])
def test_without_somaxconn_only_backlog_0_is_certain(backlog: int, kind: VerdictKind) -> None:
    made = call(TCP, backlog)
    none = made._replace(environment=Environment(0, 0, 0, 0, 0), flags=made.flags | Flag.SYSCTLS_UNSEEN)
    assert judged(none).kind is kind
    assert (call_to_json(none)["somaxconn"], call_to_json(none)["environment"]) == (None, None)


def test_a_limit_nobody_saw_is_no_agreement() -> None:
    made = from_user_space(call(UNIX, 5), Unseen.BACKLOGS, Unseen.BACKLOGS)
    assert (made.stored, judged(made).excuse) == (None, Excuse.INPUT_NOT_SEEN)


def test_of_mptcp_the_subflow_s_limit_counts() -> None:
    made = from_user_space(call(MPTCP, 5), Unseen.BACKLOGS, Unseen.BACKLOGS)
    assert (made.stored, judged(made).kind) == (5, VerdictKind.AGREE)


def test_a_call_seen_by_the_probe_is_itself() -> None:
    made = call()
    assert completed(made) == [made]


def test_nothing_is_moved_by_what_was_not_seen() -> None:
    """A field that is 0 because it is unknown is no value that an input was seen to have."""
    made = from_user_space(call(TCP), FRESH, Unseen.BACKLOGS | Unseen.STATE | Unseen.PORT)
    wrong = made._replace(result=-22)
    assert judged(wrong).kind is not VerdictKind.AGREE


@pytest.mark.parametrize("what", [*Unseen, FRESH])
def test_what_was_not_seen_is_null_in_json_and_comes_back(what: int) -> None:
    made = from_user_space(call(MPTCP, 5), what, what)
    line = json.loads(json.dumps(call_to_json(made)))
    assert all(line["pre"][name] is None for name in unseen_fields(made.pre))
    assert call_from_json(line) == made


def test_every_field_of_a_group_goes_with_it() -> None:
    for bit, names in FIELDS.items():
        assert all(seen_without(frozenset([name])) == 1 | bit for name in names)
