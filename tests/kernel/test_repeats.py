"""Calls that the ring has no room for are counted with those like them: none lost, none counted twice, none mixed."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenwatch.bpf import repeats
from listenwatch.bpf.engine import Engine
from listenwatch.call.record import ListenCall
from listenwatch.features.attach import open_engine
from listenwatch.verdict.compare import VerdictKind
from tests import ROOT
from tests.helpers.contract import fit
from tests.helpers.storming import Storm, kinds, unlucky
from tests.helpers.watching import LISTENWATCH, WATCH, needs_kernel

pytestmark = pytest.mark.kernel

THREADS, EACH = 8, 10_000
PAGE = 4096
"""The smallest ring: it has room for 8 records."""


@pytest.fixture
def tiny() -> Iterator[Engine]:
    """An engine with a ring that is always full."""
    needs_kernel()
    with open_engine(ring_size=PAGE) as attached:
        attached.sync()
        yield attached


def by_thread(calls: list[ListenCall]) -> dict[tuple[int, int], int]:
    """How many calls each thread made with each backlog."""
    made: Counter[tuple[int, int]] = Counter()
    for call in calls:
        made[call.tid, call.backlog] += call.repeats
    return made


@pytest.mark.parametrize("wait", [0.0, repeats.WAIT])
def test_a_storm_is_counted_to_the_last_call(
    wait: float, tiny: Engine, storm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0: what was counted is taken as often as can be, while every processor counts."""
    monkeypatch.setattr(repeats, "WAIT", wait)
    seen = Storm(tiny, storm, "same", str(THREADS), str(EACH))
    assert (seen.loss.lost, seen.loss.ring_full) == (0, 0), seen.loss
    assert seen.loss.repeats > 0
    assert seen.number == THREADS * EACH
    made = by_thread(seen.calls)
    assert set(made.values()) == {EACH}
    assert {tid for tid, _ in made} == set(seen.printed)
    assert {backlog for _, backlog in made} == set(range(THREADS))
    assert not kinds(seen.calls)[VerdictKind.DISAGREE], unlucky(seen.calls)
    for call in seen.calls:
        assert (call.pid, call.comm, call.post.max_ack_backlog) == (seen.pid, b"storm", call.backlog)


def test_nobody_reads_until_the_end(tiny: Engine, storm: str) -> None:
    seen = Storm(tiny, storm, "same", "2", str(EACH), read=False)
    assert (seen.loss.lost, seen.number) == (0, 2 * EACH)
    assert len(seen.calls) < EACH // 10


def test_different_calls_are_never_counted_as_the_same(tiny: Engine, storm: str) -> None:
    """As many as there is room for are kept, and the rest is lost, as the kernel says."""
    seen = Storm(tiny, storm, "threads", "2", "5000", read=False)
    assert {call.repeats for call in seen.calls} == {1}
    assert len({(call.tid, call.backlog) for call in seen.calls}) == len(seen.calls) == seen.number
    assert seen.loss.ring_full > 0
    assert seen.number + seen.loss.lost >= 10_000
    assert seen.accounts_for(10_000), seen.loss


def test_the_maps_are_used_again_and_again(tiny: Engine, storm: str) -> None:
    for _ in range(3):
        seen = Storm(tiny, storm, "same", "2", "1000", read=False)
        assert seen.number == 2000
    assert tiny.loss().lost == 0


CONFINED = """
import subprocess, sys
from listenwatch.call.record import decode_all
from listenwatch.features.attach import open_engine
from listenwatch.seccomp.confinement import confine
with open_engine(ring_size=int(sys.argv[1])) as engine:
    engine.sync()
    subprocess.run(sys.argv[2:], check=True, stdout=subprocess.DEVNULL)
    confine()
    calls = [call for call in decode_all(engine.sync()) if call.comm == b"storm"]
    print(sum(call.repeats for call in calls), engine.loss().repeats > 0)
"""


def test_they_are_taken_under_the_exporters_filter_too(storm: str) -> None:
    needs_kernel()
    command = [sys.executable, "-c", CONFINED, str(PAGE), storm, "same", "2", str(EACH)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.stdout, done.stderr) == (f"{2 * EACH} True\n", "")


def test_watch_counts_each_call_and_replay_does_too(storm: str, tmp_path: Path) -> None:
    needs_kernel()
    file = str(tmp_path / "trace.jsonl")
    load = [storm, "same", str(THREADS), str(EACH)]
    watched = subprocess.run(
        [*WATCH, "--buffer", "1", "--json", "-o", file, "--", *load], capture_output=True, text=True, check=True
    )
    *calls, last = fit(watched.stdout)
    totals = last["summary"]
    assert totals["lost"] == 0
    made: Counter[int] = Counter()
    for call in calls:
        made[call["asked"]] += call["repeats"]
    assert made == dict.fromkeys(range(THREADS), EACH)
    assert totals["agree"] + totals["inconclusive"] == THREADS * EACH
    again = subprocess.run([*LISTENWATCH, "replay", "--json", file], capture_output=True, text=True, check=True)
    *_, summary = fit(again.stdout)
    assert summary["summary"]["agree"] == totals["agree"]
    if len(calls) < THREADS * EACH:  # else all of them were read in time
        said = f"{THREADS * EACH - len(calls)} calls were counted with others"
        assert said in watched.stderr and said in again.stderr
