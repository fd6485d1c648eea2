"""Many calls at once: every record whole, none mixed, and a race never judged wrong."""

from __future__ import annotations

from collections import defaultdict

import pytest

from listenwatch.bpf.engine import Engine
from listenwatch.call.record import Flag
from listenwatch.model.inputs import TcpState
from listenwatch.verdict.compare import VerdictKind
from tests.helpers.storming import ATTEMPTS, Storm, kinds, unlucky
from tests.require import require

pytestmark = pytest.mark.kernel


def test_threads_at_once_never_mix(engine: Engine, storm: str) -> None:
    threads, each = 8, 10_000
    seen = Storm(engine, storm, "threads", str(threads), str(each))
    assert seen.accounts_for(threads * each), seen.loss
    assert len(set(seen.printed)) == threads
    by_thread = defaultdict(list)
    for call in seen.calls:
        by_thread[call.tid].append(call)
    assert set(by_thread) <= set(seen.printed)
    for calls in by_thread.values():
        if seen.loss.repeats:
            calls.sort(key=lambda call: call.time_ns)  # what the ring had no room for came later
        order = [call.backlog for call in calls]
        assert order == sorted(set(order))
        assert [call.time_ns for call in calls] == sorted(call.time_ns for call in calls)
        assert len({call.fd for call in calls}) == 1
        assert len({call.post.local_port for call in calls}) == 1
        for call in calls:
            somaxconn = call.environment.somaxconn
            assert call.pid == seen.pid
            assert call.comm == b"storm"
            assert call.post.max_ack_backlog == min(call.backlog, somaxconn)
            assert call.post.state == TcpState.LISTEN
            if call.backlog:
                assert call.pre.max_ack_backlog == min(call.backlog - 1, somaxconn)
                assert call.pre.state == TcpState.LISTEN
    if not seen.loss.lost:
        assert {len(calls) for calls in by_thread.values()} == {each}
    assert set(kinds(seen.calls)) == {VerdictKind.AGREE}, unlucky(seen.calls)


def test_threads_on_one_socket_are_noticed_and_never_judged_wrong(
    engine: Engine, storm: str
) -> None:
    met = False
    for _ in range(ATTEMPTS):
        seen = Storm(engine, storm, "shared", "2", "50000")
        assert not kinds(seen.calls)[VerdictKind.DISAGREE], unlucky(seen.calls)
        met = any(call.flags & Flag.CONTENDED for call in seen.calls)
        if met:
            break
    require("processors", met, "the two threads never ran at once")


@pytest.mark.parametrize("mode", ["dup2", "dup2-kinds"])
def test_a_descriptor_that_changes_meanwhile_is_never_judged_wrong(
    mode: str, engine: Engine, storm: str
) -> None:
    met = False
    for _ in range(ATTEMPTS):
        seen = Storm(engine, storm, mode, "20000")
        assert not kinds(seen.calls)[VerdictKind.DISAGREE], unlucky(seen.calls)
        by_call = [call for call in seen.calls if call.fd != -1]
        assert sum(call.repeats for call in by_call) + seen.loss.lost >= 20_000
        if not (seen.loss.lost or seen.loss.repeats):
            assert [call.backlog for call in by_call] == [n % 1000 for n in range(20_000)]
        met = any(call.flags & Flag.FD_CHANGED for call in seen.calls)
        if met:
            break
    require("processors", met, "the two threads never ran at once")


def test_a_fork_in_the_middle(engine: Engine, storm: str) -> None:
    seen = Storm(engine, storm, "fork", "50")
    assert not seen.loss.lost
    assert len(set(seen.printed)) == 50
    for child in seen.printed:
        calls = [call for call in seen.calls if call.pid == child]
        assert [call.backlog for call in calls] == [0, 1, 2, 3, 4]
        assert {call.tid for call in calls} == {child}
        assert [call.pre.state for call in calls] == [TcpState.CLOSE] + [TcpState.LISTEN] * 4
    assert {call.backlog for call in seen.calls if call.pid == seen.pid} == {3}
    assert set(kinds(seen.calls)) == {VerdictKind.AGREE}, unlucky(seen.calls)
