"""Inputs that move between the entry of a call and their use: what agrees, what proves nothing, what disagrees all the same."""

from __future__ import annotations

import pytest

from listenwatch.call.record import Flag, ListenCall
from listenwatch.model.inputs import Knowledge, Socket, SocketState, TcpState
from listenwatch.model.stages import StageIndex
from listenwatch.report.text import brief, reason
from listenwatch.verdict.compare import VerdictKind, judge
from listenwatch.verdict.excuses import Excuse
from listenwatch.verdict.inputs import Moved
from tests.helpers.eras import LINUX_3_8, LINUX_4_1, LINUX_7_3
from tests.helpers.make import (
    ALL_HOOKS,
    FREE,
    MPTCP,
    NOTHING,
    TCP,
    UNBOUND,
    UNIX,
    environment,
    observe,
    outcome,
    request,
)

TRACEPOINT = 1 << StageIndex.STATE_LISTEN | 1 << StageIndex.STATE_CLOSE
BOTH_MODES = pytest.mark.parametrize("hooks", [ALL_HOOKS, TRACEPOINT], ids=["kprobe", "tracepoint"])
SHARED = pytest.mark.parametrize("flag", [Flag.SHARED_TABLE, Flag.SHARED_FILE])
CONNECTING = TCP._replace(state=TcpState.SYN_SENT, socket_state=SocketState.CONNECTING)
LISTENER = TCP._replace(state=TcpState.LISTEN, max_ack_backlog=511)
EARLY = (StageIndex.SECURITY, StageIndex.SECURITY_RETURN, StageIndex.INET_LISTEN)


def made(
    at_entry: Socket, used: Socket, hooks: int = ALL_HOOKS, *, flags: int = 0, somaxconn: tuple[int, int, int] = (4096, 4096, 4096),
    early: Socket | None = None,
) -> ListenCall:
    """A call for 511 whose inputs were these at the entry and those as they were used.

    ``somaxconn`` is the value at the entry, as it was used, and at the return; ``early`` the socket before it was
    locked, if not the one at the entry.
    """
    before, then, after = somaxconn
    call = observe(request(), used, environment(then), outcome(used, somaxconn=then), hooks)
    look = early or at_entry
    stages = {
        index: stage._replace(state=look.state, socket_state=look.socket_state) if index in EARLY else stage
        for index, stage in call.stages.items()
    }
    moves = Flag.SOMAXCONN_MOVES if before != after else 0
    return call._replace(
        pre=at_entry, environment=environment(before), somaxconn_after=after, stages=stages, flags=call.flags | flags | moves
    )


def judged(call: ListenCall) -> tuple[VerdictKind, Excuse | None, tuple[Moved, ...]]:
    verdict = judge(call, LINUX_7_3, FREE)
    assert bool(verdict.differences) == (verdict.kind is not VerdictKind.AGREE)
    return verdict.kind, verdict.excuse, verdict.moved


# -- somaxconn


@BOTH_MODES
def test_the_value_at_the_return_may_be_the_one_that_was_used(hooks: int) -> None:
    call = made(TCP, TCP, hooks, somaxconn=(128, 64, 64))
    assert judged(call) == (VerdictKind.AGREE, None, (Moved("somaxconn", (128, 64), 64),))
    verdict = judge(call, LINUX_7_3, FREE)
    assert verdict.backlog_rule == "clamped"
    moved = "somaxconn was 128, then 64 during the call: 64 counts"
    assert reason(call, verdict).endswith(moved)
    assert brief(call, verdict).endswith(moved)


@BOTH_MODES
def test_one_that_moved_after_its_use_needs_no_word(hooks: int) -> None:
    assert judged(made(TCP, TCP, hooks, somaxconn=(128, 128, 64))) == (VerdictKind.AGREE, None, ())


@BOTH_MODES
@pytest.mark.parametrize("used", [32, 4096])
def test_a_value_that_was_in_force_between_two_looks_proves_nothing(hooks: int, used: int) -> None:
    call = made(TCP, TCP, hooks, somaxconn=(128, used, 64))
    assert judged(call) == (VerdictKind.INCONCLUSIVE, Excuse.INPUT_MOVED, ())
    back_again = made(TCP, TCP, hooks, somaxconn=(128, used, 128))
    assert judged(back_again)[0] is VerdictKind.DISAGREE
    lately = back_again._replace(flags=back_again.flags | Flag.SOMAXCONN_MOVES)
    assert judged(lately) == (VerdictKind.INCONCLUSIVE, Excuse.INPUT_MOVED, ())
    for stopped in (back_again._replace(flags=back_again.flags | Flag.SWITCHED), back_again._replace(duration_ns=10**7)):
        assert judged(stopped) == (VerdictKind.INCONCLUSIVE, Excuse.INPUT_MOVED, ())
    assert "128, observed" in reason(lately, judge(lately, LINUX_7_3, FREE))


@BOTH_MODES
def test_a_moving_somaxconn_explains_nothing_else(hooks: int) -> None:
    """Neither a limit that no somaxconn makes, nor a state, a result or a stage."""
    call = made(TCP, TCP, hooks, somaxconn=(128, 64, 64))
    post = call.post
    for wrong in (
        call._replace(post=post._replace(max_ack_backlog=512)),
        call._replace(post=post._replace(state=TcpState.CLOSE)),
        call._replace(post=post._replace(bound=0)),
        call._replace(result=-22),
        call._replace(stages={}),
    ):
        assert judged(wrong)[0] is VerdictKind.DISAGREE


# -- the socket


@BOTH_MODES
@SHARED
def test_connect_before_the_kernel_looks(flag: Flag, hooks: int) -> None:
    call = made(TCP, CONNECTING, hooks, flags=flag)
    states = (TcpState.CLOSE, TcpState.SYN_SENT)
    sockets = (SocketState.UNCONNECTED, SocketState.CONNECTING)
    kind, _, moved = judged(call)
    assert kind is VerdictKind.AGREE
    assert moved == (Moved("state", states, states[1]), Moved("socket_state", sockets, sockets[1]))
    alone = call._replace(flags=call.flags & ~flag)
    assert judged(alone)[0] is VerdictKind.DISAGREE
    assert "during the call: connecting counts" in reason(call, judge(call, LINUX_7_3, FREE))


@BOTH_MODES
@SHARED
def test_connect_that_fails_before_the_return_leaves_nothing_to_see(flag: Flag, hooks: int) -> None:
    refused = made(TCP, CONNECTING, hooks, flags=flag)._replace(post=TCP)
    other_socket = flag is Flag.SHARED_TABLE and hooks == TRACEPOINT
    assert judged(refused) == (VerdictKind.INCONCLUSIVE, Excuse.TABLE_SHARED if other_socket else Excuse.INPUT_MOVED, ())


@BOTH_MODES
@SHARED
def test_shutdown_before_and_after_the_kernel_looks(flag: Flag, hooks: int) -> None:
    """Before: the listener listens afresh, which its change of state shows. After: only the return is another."""
    kind, _, moved = judged(made(LISTENER, TCP._replace(max_ack_backlog=511), hooks, flags=flag))
    assert (kind, moved) == (VerdictKind.AGREE, (Moved("state", (TcpState.LISTEN, TcpState.CLOSE), TcpState.CLOSE),))
    call = made(LISTENER, LISTENER, hooks, flags=flag)
    after = call._replace(post=call.post._replace(state=TcpState.CLOSE, bound=0, local_port=0))
    assert judged(after) == (VerdictKind.INCONCLUSIVE, Excuse.INPUT_MOVED, ())


@BOTH_MODES
@SHARED
def test_bind_before_the_kernel_looks(flag: Flag, hooks: int) -> None:
    unbound = UNIX._replace(bound=0)
    call = made(unbound, UNIX, hooks, flags=flag, early=UNIX)
    assert judged(call) == (VerdictKind.AGREE, None, (Moved("bound", (0, 1), 1),))
    assert "its local address was none, then bound during the call" in reason(call, judge(call, LINUX_7_3, FREE))
    late = made(unbound, unbound, hooks, flags=flag)
    assert judged(late._replace(post=UNIX)) == (VerdictKind.AGREE, None, (Moved("bound", (0, 1), 0),))
    alone = late._replace(flags=late.flags & ~flag, post=UNIX)
    assert judged(alone)[0] is VerdictKind.DISAGREE


@BOTH_MODES
def test_the_state_seen_under_the_lock_is_the_one_that_counts(hooks: int) -> None:
    """Disconnected by another thread meanwhile, and connected again: the kernel's own look shows CLOSE."""
    disconnected = made(CONNECTING, TCP, hooks, flags=Flag.SHARED_TABLE)
    assert judged(disconnected)[0] is VerdictKind.AGREE
    broken = disconnected.stages[StageIndex.STATE_LISTEN]._replace(value=TcpState.SYN_SENT)
    wrong = disconnected._replace(stages={**disconnected.stages, StageIndex.STATE_LISTEN: broken})
    assert judged(wrong)[0] is VerdictKind.DISAGREE


@BOTH_MODES
@SHARED
@pytest.mark.parametrize(
    "wrong",
    [
        {"result": -98},
        {"post": TCP._replace(state=TcpState.CLOSE, max_ack_backlog=7)},
        {"post": TCP._replace(state=TcpState.LISTEN, max_ack_backlog=512)},
    ],
)
def test_a_shared_socket_excuses_only_what_a_movement_explains(wrong: dict[str, object], flag: Flag, hooks: int) -> None:
    call = made(TCP, TCP, hooks, flags=flag)
    assert judged(call)[0] is VerdictKind.AGREE
    assert judged(ListenCall(**{**call._asdict(), **wrong}))[0] is VerdictKind.DISAGREE


def test_nobody_makes_it_listen_unseen() -> None:
    """A refused call that leaves a listener: who else calls listen() is seen."""
    call = made(CONNECTING, CONNECTING, flags=Flag.SHARED_TABLE)
    listening = call._replace(post=call.post._replace(state=TcpState.LISTEN))
    assert judged(listening)[0] is VerdictKind.DISAGREE


def test_a_return_that_was_missed_too() -> None:
    call = made(TCP, CONNECTING, flags=Flag.SHARED_TABLE)
    missed = call._replace(stages={i: s for i, s in call.stages.items() if i != StageIndex.INET_LISTEN_RETURN})
    assert judged(missed)[:2] == (VerdictKind.INCONCLUSIVE, Excuse.INPUT_MOVED)


def test_a_peer_resets_a_connection_before_the_kernel_looks() -> None:
    """MPTCP up to 6.2 looks at the state alone: after a reset it listens."""
    checks_no_socket = LINUX_7_3.replace(mptcp_checks_socket_state=False)
    connected = MPTCP._replace(state=TcpState.ESTABLISHED, socket_state=SocketState.CONNECTED)
    reset = connected._replace(state=TcpState.CLOSE)
    made_of = outcome(reset, behaviour=checks_no_socket)
    call = observe(request(), reset, environment(), made_of)._replace(pre=connected)
    verdict = judge(call, checks_no_socket, FREE)
    assert verdict.kind is VerdictKind.AGREE
    assert [moved.input for moved in verdict.moved] == ["state"]
    assert judge(call._replace(pre=connected._replace(state=TcpState.LISTEN)), checks_no_socket, FREE).kind is VerdictKind.DISAGREE


def test_a_port_that_was_lost_is_chosen_again() -> None:
    """connect(AF_UNSPEC) frees a port that bind() did not set; listen() then chooses one."""
    bound, unbound = LISTENER, UNBOUND._replace(max_ack_backlog=511)
    call = made(bound, unbound, flags=Flag.SHARED_FILE)
    assert judged(call)[0] is VerdictKind.AGREE


# -- the descriptor


@BOTH_MODES
@pytest.mark.parametrize(("is_file", "error"), [(False, -9), (True, -88)])
def test_a_descriptor_that_was_another_for_a_moment(is_file: bool, error: int, hooks: int) -> None:
    call = made(TCP, TCP, hooks)._replace(stages={}, post=TCP, result=error)
    assert judged(call)[0] is VerdictKind.DISAGREE
    shared = judged(call._replace(flags=call.flags | Flag.SHARED_TABLE))
    assert shared[0] is VerdictKind.INCONCLUSIVE


@pytest.mark.parametrize("hooks", [TRACEPOINT])
def test_a_descriptor_that_was_opened_after_the_entry(hooks: int) -> None:
    opened = made(TCP, TCP, hooks)
    unseen = opened._replace(pre=NOTHING, post=NOTHING, flags=Flag.RETURNED, stages={})
    assert judged(unseen)[0] is VerdictKind.DISAGREE
    shared = unseen._replace(flags=unseen.flags | Flag.SHARED_TABLE)
    assert judged(shared) == (VerdictKind.INCONCLUSIVE, Excuse.TABLE_SHARED, ())


# -- the nearest outcome


def test_nobodys_refusal_is_predicted_where_nothing_refused() -> None:
    """A listen() beside a connect(): "predicted EACCES", which nobody had answered."""
    call = made(TCP, CONNECTING, TRACEPOINT)
    verdict = judge(call, LINUX_7_3, Knowledge())
    assert verdict.kind is VerdictKind.DISAGREE
    assert verdict.rule == "listens"
    assert "predicted 0, observed EINVAL" in reason(call, verdict)
    refused = made(TCP, TCP, TRACEPOINT)._replace(result=-13, stages={}, post=TCP._replace(max_ack_backlog=7))
    assert judge(refused, LINUX_7_3, Knowledge()).rule == "security-refused"


def test_no_memory_is_as_unlikely() -> None:
    """Up to 4.3 a table of requests was allocated; nothing says that it failed."""
    call = made(TCP, CONNECTING, TRACEPOINT)
    for era in (LINUX_3_8, LINUX_4_1):
        assert judge(call, era, FREE._replace(memory=None)).rule == "listens"
