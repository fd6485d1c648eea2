"""What was lost is counted, what was not lost is not, and no record stays unread."""

from __future__ import annotations

import select
import signal
import subprocess

import pytest

from listenwatch.bpf import maps
from listenwatch.bpf.engine import Engine
from listenwatch.call.record import ListenCall, decode
from listenwatch.features.attach import open_engine
from listenwatch.verdict.compare import VerdictKind
from tests.helpers.storming import Storm, kinds, mine, unlucky
from tests.helpers.watching import PATIENCE, listen_once, watching

pytestmark = pytest.mark.kernel


def test_nobody_reads_and_the_ring_is_full(engine: Engine, storm: str) -> None:
    seen = Storm(engine, storm, "threads", "1", "40000", read=False)
    assert seen.full > 0
    assert seen.loss.ring_full >= seen.full
    assert seen.accounts_for(40_000), seen.loss
    order = [call.backlog for call in seen.calls]
    in_ring = len(order) - seen.loss.repeats
    assert order[:in_ring] == list(range(in_ring))  # the first ones stay, the later are lost
    assert sorted(order[in_ring:]) == list(range(in_ring, len(order)))  # but as many as can be counted


def test_watch_says_what_was_lost_and_ends_with_4(storm: str) -> None:
    with watching("--json", "-n", "storm") as watch:
        watch.process.send_signal(signal.SIGSTOP)
        subprocess.run([storm, "threads", "1", "40000"], check=True, stdout=subprocess.DEVNULL)
        watch.process.send_signal(signal.SIGCONT)
        assert watch.end(signal.SIGINT) == 4
    calls, summary = watch.report()
    assert summary["lost"] > 0
    assert summary["agree"] == len(calls)
    assert len(calls) + summary["lost"] >= 40_000


def test_a_killed_thread_is_not_taken_for_lost(engine: Engine, storm: str) -> None:
    for _ in range(30):
        with subprocess.Popen([storm, "spin"], stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            while not any(decode(r).pid == process.pid for r in engine.read(0.1)):
                pass
            process.kill()
            while process.poll() is None:
                engine.read(0.01)
        engine.sync()
    loss = engine.loss()
    assert loss.unreturned == 0, loss
    assert loss.lost == loss.ring_full


def test_calls_made_while_attaching_are_not_taken_for_lost(storm: str) -> None:
    """What began before all was attached is neither recorded by half nor counted."""
    with subprocess.Popen([storm, "spin"], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            for _ in range(10):
                with open_engine() as engine:
                    calls = [decode(record) for record in engine.sync()]
                    loss = engine.loss()
                    assert loss.unreturned == 0, loss
                    assert not kinds(calls)[VerdictKind.DISAGREE], unlucky(calls)
        finally:
            process.kill()


def test_no_call_is_taken_for_lost_because_it_begins_or_ends_while_the_counts_are_read(
    storm: str,
) -> None:
    """50,000 readings: about 8 were wrong while a call was counted a moment before it was in flight."""
    with subprocess.Popen([storm, "spin"], stdout=subprocess.PIPE) as process, open_engine() as engine:
        assert process.stdout
        process.stdout.readline()
        try:
            engine.sync()
            losses = []
            for _ in range(50_000):
                losses.append(engine.loss())
                engine.read()
        finally:
            process.kill()
    assert losses[-1].calls > losses[0].calls
    assert not [loss for loss in losses if loss.unreturned]


def test_where_every_call_has_ended_no_thread_is_looked_at(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    listen_once()
    engine.sync()
    monkeypatch.setattr(maps, "entries", lambda *_: pytest.fail("a walk through the threads"))
    loss = engine.loss()
    assert (loss.in_flight, loss.lost) == (0, 0) and loss.calls > 0


def test_no_record_waits_for_the_next_one(engine: Engine) -> None:
    """The probe wakes the reader once in 10 ms: what comes without a wake-up is found all the same."""
    for _ in range(50):
        listen_once(1)
        while not mine(engine.read(0.1)):
            pass
        engine.read()  # as somebody does whom a signal woke
        listen_once(2)
        found: list[ListenCall] = []
        while not found:
            wait = engine.patience()
            ready = select.select([engine], [], [], PATIENCE if wait is None else wait)[0]
            assert ready or wait is not None, "nothing would ever have woken us"
            found = mine(engine.read())
        assert [call.backlog for call in found] == [2]
