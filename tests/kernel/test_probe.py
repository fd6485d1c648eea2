"""The probe and its engine: every call a whole record or counted as lost, and nothing left behind."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenwatch.engines.core import CoreEngine
from listenwatch.engines.programs import DOOR_MARKER, DOOR_OFFSET, MARKER_FD
from listenwatch.kernel import behaviour_of, running_kernel
from listenwatch.model.inputs import TcpState
from listenwatch.record import Flag, ListenCall, decode
from listenwatch.verdict import Kind, judge
from tests.kernel.watching import PATIENCE, listen_once, needs, needs_kernel, watching
from tests.require import require

pytestmark = pytest.mark.kernel

ATTEMPTS = 5
"""Runs of two threads that are to meet: on a busy machine they may run one after the other."""


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_kernel()


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> str:
    """tests/kernel/storm.c, compiled."""
    program = str(tmp_path_factory.mktemp("storm") / "storm")
    source = Path(__file__).with_name("storm.c")
    subprocess.run(
        [needs("gcc"), "-O2", "-Wall", "-Werror", "-pthread", "-o", program, source], check=True
    )
    return program


@pytest.fixture
def engine() -> Iterator[CoreEngine]:
    """An engine whose probes are known to fire."""
    with CoreEngine() as attached:
        attached.sync()
        yield attached


def kinds(calls: list[ListenCall]) -> Counter[Kind]:
    behaviour = behaviour_of(running_kernel())
    return Counter(judge(call, behaviour).kind for call in calls)


def unlucky(calls: list[ListenCall]) -> list[str]:
    """What disagrees, in words."""
    behaviour = behaviour_of(running_kernel())
    verdicts = [(call, judge(call, behaviour)) for call in calls]
    return [f"{v.reason}: {call}" for call, v in verdicts if v.kind is Kind.DISAGREE][:3]


class Storm:
    """A run of storm.c under an engine: its calls in the order of the ring, what it printed, what was lost."""

    def __init__(self, engine: CoreEngine, *command: str, read: bool = True) -> None:
        records: list[bytes] = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            while read and process.poll() is None:
                records += engine.read(0.02)
            assert process.stdout
            self.printed = [int(word) for word in process.stdout.read().split()]
        assert process.returncode == 0
        self.pid = process.pid
        self.full = engine.loss().ring_full
        records += engine.sync()
        everything = [decode(record) for record in records]
        pids = {process.pid, *self.printed}
        self.calls = [call for call in everything if call.pid in pids]
        self.others = len(everything) - len(self.calls)
        self.loss = engine.loss()

    def accounts_for(self, made: int) -> bool:
        """Records and losses are the calls made; of other processes' calls we know those recorded only."""
        known = len(self.calls) + self.loss.lost
        total = len(self.calls) + self.others + self.loss.lost + self.loss.in_flight
        whole = known >= made if self.others else known == made
        return whole and len(self.calls) <= made and total >= self.loss.calls


# -- many at once


def test_threads_at_once_never_mix(engine: CoreEngine, storm: str) -> None:
    threads, each = 8, 10_000
    seen = Storm(engine, storm, "threads", str(threads), str(each))
    assert seen.accounts_for(threads * each), seen.loss
    assert len(set(seen.printed)) == threads
    by_thread = defaultdict(list)
    for call in seen.calls:
        by_thread[call.tid].append(call)
    assert set(by_thread) <= set(seen.printed)
    for calls in by_thread.values():
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
    assert set(kinds(seen.calls)) == {Kind.AGREE}, unlucky(seen.calls)


def test_threads_on_one_socket_are_noticed_and_never_judged_wrong(
    engine: CoreEngine, storm: str
) -> None:
    met = False
    for _ in range(ATTEMPTS):
        seen = Storm(engine, storm, "shared", "2", "50000")
        assert not kinds(seen.calls)[Kind.DISAGREE], unlucky(seen.calls)
        met = any(call.flags & Flag.CONTENDED for call in seen.calls)
        if met:
            break
    require("processors", met, "the two threads never ran at once")


@pytest.mark.parametrize("mode", ["dup2", "dup2-kinds"])
def test_a_descriptor_that_changes_meanwhile_is_never_judged_wrong(
    mode: str, engine: CoreEngine, storm: str
) -> None:
    met = False
    for _ in range(ATTEMPTS):
        seen = Storm(engine, storm, mode, "20000")
        assert not kinds(seen.calls)[Kind.DISAGREE], unlucky(seen.calls)
        by_call = [call for call in seen.calls if call.fd != -1]
        assert len(by_call) + seen.loss.lost >= 20_000
        if not seen.loss.lost:
            assert [call.backlog for call in by_call] == [n % 1000 for n in range(20_000)]
        met = any(call.flags & Flag.FD_CHANGED for call in seen.calls)
        if met:
            break
    require("processors", met, "the two threads never ran at once")


def test_a_fork_in_the_middle(engine: CoreEngine, storm: str) -> None:
    seen = Storm(engine, storm, "fork", "50")
    assert not seen.loss.lost
    assert len(set(seen.printed)) == 50
    for child in seen.printed:
        calls = [call for call in seen.calls if call.pid == child]
        assert [call.backlog for call in calls] == [0, 1, 2, 3, 4]
        assert {call.tid for call in calls} == {child}
        assert [call.pre.state for call in calls] == [TcpState.CLOSE] + [TcpState.LISTEN] * 4
    assert {call.backlog for call in seen.calls if call.pid == seen.pid} == {3}
    assert set(kinds(seen.calls)) == {Kind.AGREE}, unlucky(seen.calls)


# -- loss


def test_nobody_reads_and_the_ring_is_full(engine: CoreEngine, storm: str) -> None:
    seen = Storm(engine, storm, "threads", "1", "40000", read=False)
    assert seen.full > 0
    assert seen.loss.ring_full >= seen.full
    assert seen.accounts_for(40_000), seen.loss
    order = [call.backlog for call in seen.calls]
    assert order == list(range(len(order)))  # the first ones stay, the later are lost


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


def test_a_killed_thread_is_not_taken_for_lost(engine: CoreEngine, storm: str) -> None:
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


# -- several engines, and the marker


def test_two_engines_both_see_everything(engine: CoreEngine) -> None:
    with CoreEngine() as other:
        other.sync()
        for backlog in range(100):
            listen_once(backlog)
        for each in (engine, other):
            calls = [call for call in map(decode, each.sync()) if call.pid == os.getpid()]
            assert [call.backlog for call in calls] == list(range(100))
            assert not each.loss().lost
    listen_once(7)
    assert [c.backlog for c in map(decode, engine.sync()) if c.pid == os.getpid()] == [7]


def test_markers_are_no_calls(engine: CoreEngine) -> None:
    """Neither our own nor another engine's is recorded or counted."""
    with CoreEngine() as other:
        before = engine.loss()
        records = [record for _ in range(20) for each in (engine, other) for record in each.sync()]
        assert all(record[DOOR_OFFSET] != DOOR_MARKER for record in records)
        calls = [decode(record) for record in records]
        assert not [call for call in calls if call.fd == MARKER_FD or call.pid == os.getpid()]
        assert engine.loss().calls - before.calls <= len(calls)  # other processes' calls


# -- nothing stays behind


def ids(kind: str) -> set[int]:
    """The numbers of all BPF programs, maps or links of this machine."""
    following = getattr(ctypes.CDLL("libbpf.so.1"), f"bpf_{kind}_get_next_id")
    found: set[int] = set()
    number = ctypes.c_uint32(0)
    while not following(number, ctypes.byref(number)):
        found.add(number.value)
    return found


def held_by(pid: int) -> dict[str, set[int]]:
    """The BPF objects a process holds by a descriptor."""
    held: dict[str, set[int]] = {"prog": set(), "map": set(), "link": set()}
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        for line in info.read_text().splitlines():
            key, _, value = line.partition(":")
            if key in ("prog_id", "map_id", "link_id"):
                held[key.removesuffix("_id")].add(int(value))
    return held


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_stays_attached(number: int) -> None:
    with watching("--json", "-p", "1") as watch:
        held = held_by(watch.process.pid)
        for kind, numbers in held.items():
            assert numbers, kind
            assert numbers <= ids(kind), kind
        watch.end(number)
    deadline = time.monotonic() + PATIENCE  # the kernel frees them by and by
    left = held
    while any(left.values()) and time.monotonic() < deadline:
        time.sleep(0.01)
        left = {kind: numbers & ids(kind) for kind, numbers in held.items()}
    assert not any(left.values()), left


def test_no_descriptor_and_no_mapping_leaks() -> None:
    def open_and_close() -> tuple[int, int]:
        with CoreEngine() as engine:
            listen_once()
            engine.sync()
        maps = Path("/proc/self/maps").read_text()
        return len(os.listdir("/proc/self/fd")), maps.count("bpf")  # noqa: PTH208

    before = open_and_close()
    for _ in range(20):
        assert open_and_close() == before


def test_close_twice_is_fine() -> None:
    engine = CoreEngine()
    engine.close()
    engine.close()


def test_calls_made_while_attaching_are_not_taken_for_lost(storm: str) -> None:
    """What began before all was attached is neither recorded by half nor counted."""
    with subprocess.Popen([storm, "spin"], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            for _ in range(10):
                with CoreEngine() as engine:
                    calls = [decode(record) for record in engine.sync()]
                    loss = engine.loss()
                    assert loss.unreturned == 0, loss
                    assert not kinds(calls)[Kind.DISAGREE], unlucky(calls)
        finally:
            process.kill()


def test_no_record_waits_for_the_next_one(engine: CoreEngine) -> None:
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


def mine(records: list[bytes]) -> list[ListenCall]:
    """The calls of this process."""
    return [call for call in map(decode, records) if call.pid == os.getpid()]
