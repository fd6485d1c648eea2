"""Several engines side by side, the markers, and that nothing stays attached."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

import pytest

from listenwatch.bpf import marker
from listenwatch.bpf.engine import Engine
from listenwatch.call.record import decode
from listenwatch.features.attach import open_engine
from tests.helpers.watching import PATIENCE, listen_once, needs_kernel, watching

pytestmark = pytest.mark.kernel


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_kernel()


# -- several engines, and the marker


def test_two_engines_both_see_everything(engine: Engine) -> None:
    with open_engine() as other:
        other.sync()
        for backlog in range(100):
            listen_once(backlog)
        for each in (engine, other):
            calls = [call for call in map(decode, each.sync()) if call.pid == os.getpid()]
            assert [call.backlog for call in calls] == list(range(100))
            assert not each.loss().lost
    listen_once(7)
    assert [c.backlog for c in map(decode, engine.sync()) if c.pid == os.getpid()] == [7]


def test_markers_are_no_calls(engine: Engine) -> None:
    """Neither an engine's own nor that of another one of this process is recorded or counted."""
    with open_engine() as other:
        before = engine.loss()
        records = [record for _ in range(20) for each in (engine, other) for record in each.sync()]
        calls = [decode(record) for record in records]
        assert not [call for call in calls if call.fd == marker.FD or call.pid == os.getpid()]
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
        try:
            text = info.read_text()
        except FileNotFoundError:  # closed since it was listed
            continue
        for line in text.splitlines():
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
        with open_engine() as engine:
            listen_once()
            engine.sync()
        maps = Path("/proc/self/maps").read_text()
        return len(os.listdir("/proc/self/fd")), maps.count("bpf")  # noqa: PTH208

    before = open_and_close()
    for _ in range(20):
        assert open_and_close() == before


def test_close_twice_is_fine() -> None:
    engine = open_engine()
    engine.close()
    engine.close()
