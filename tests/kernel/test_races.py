"""Somebody else changes what a call depends on while it runs: never judged wrong, in either attach mode.

Prints the share of calls of which nothing can be told. ``LISTENWATCH_RACE_CALLS`` is the number of calls of each
race: 3,000 unless it says otherwise.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import struct
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenwatch.bpf.engine import Engine
from listenwatch.call.record import Flag
from listenwatch.call.text import local_address
from listenwatch.errors import ObserveError
from listenwatch.features.attach import open_engine
from listenwatch.features.behaviour import behaviour_of
from listenwatch.linux.kernel import running_kernel
from listenwatch.verdict.compare import VerdictKind, judge
from tests.helpers.storming import Storm, mine, unlucky
from tests.helpers.watching import needs, needs_kernel
from tests.require import require

pytestmark = pytest.mark.kernel

CALLS = int(os.environ.get("LISTENWATCH_RACE_CALLS", "3000"))


@pytest.fixture(scope="module")
def race(tmp_path_factory: pytest.TempPathFactory) -> str:
    """tests/kernel/race.c, compiled."""
    needs_kernel()
    program = str(tmp_path_factory.mktemp("race") / "race")
    source = Path(__file__).with_name("race.c")
    subprocess.run([needs("gcc"), "-O2", "-Wall", "-Werror", "-pthread", "-o", program, source], check=True)
    return program


@pytest.fixture(scope="module", params=["kprobe", "tracepoint"])
def attached(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine in each attach mode."""
    needs_kernel()
    try:
        engine = open_engine("core", request.param)
    except ObserveError as error:
        require("kprobes", False, str(error))
        raise
    with engine:
        yield engine


@pytest.mark.parametrize("who", ["thread", "process"])
@pytest.mark.parametrize("what", ["somaxconn", "somaxconn-storm", "shutdown", "disconnect", "bind", "connect"])
def test_it_is_never_judged_wrong(what: str, who: str, attached: Engine, race: str) -> None:
    before = attached.loss().lost
    seen = Storm(attached, race, what, who, str(CALLS))
    assert len(seen.calls) + seen.loss.lost - before >= CALLS
    behaviour = behaviour_of(running_kernel())
    verdicts = [judge(call, behaviour) for call in seen.calls]
    kinds = Counter(verdict.kind for verdict in verdicts)
    assert not kinds[VerdictKind.DISAGREE], unlucky(seen.calls)
    unknown = kinds[VerdictKind.INCONCLUSIVE]
    moved = sum(bool(verdict.moved) for verdict in verdicts)
    excuses = Counter(verdict.excuse.value for verdict in verdicts if verdict.excuse)
    print(
        f"\n{attached.attach}, {what} by another {who}: {len(seen.calls)} calls, {unknown} inconclusive "
        f"({unknown / len(seen.calls):.2%}; {dict(excuses)}), {moved} agree with an input that moved"
    )
    shared = [bool(call.flags & (Flag.SHARED_TABLE | Flag.SHARED_FILE)) for call in seen.calls if call.backlog == 1000]
    assert all(shared) if not what.startswith("somaxconn") or who == "thread" else not any(shared)
    if what == "somaxconn":
        assert unknown <= len(seen.calls) / 200


def test_a_socket_is_shared_where_another_descriptor_refers_to_it(attached: Engine) -> None:
    shared = []
    with socket.socket() as sock:
        sock.listen(1)
        with sock.dup():
            sock.listen(2)
        child = os.fork()
        if child == 0:
            signal.pause()
        sock.listen(3)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        sock.listen(4)
        for call in mine(attached.sync()):
            shared.append((call.backlog, bool(call.flags & Flag.SHARED_FILE)))
    assert shared == [(1, False), (2, True), (3, True), (4, False)]


def test_a_path_that_fills_its_field_is_whole(attached: Engine, tmp_path: Path) -> None:
    """108 bytes, which unix(7) allows: the kernel keeps them with a 0 behind them. Abstract names end without."""
    folder = os.open(tmp_path, os.O_PATH)
    name = f"/proc/self/fd/{folder}/"
    names = [name + "x" * (size - len(name)) for size in (107, 108)] + ["\0" + "y" * 107]
    seen = []
    for each in names:
        with socket.socket(socket.AF_UNIX) as sock:
            address = struct.pack("=H", socket.AF_UNIX) + each.encode()  # Python's own bind() wants a 0 at the end
            assert ctypes.CDLL(None).bind(sock.fileno(), address, len(address)) == 0
            sock.listen(1)
            (call,) = mine(attached.sync())
            seen.append(local_address(call))
    os.close(folder)
    assert seen == [*names[:2], "@" + "y" * 107]
