"""Run in a guest: every engine and attach mode at once on the same calls; prints what each recorded as JSON.

``python -m tests.guest.side_by_side`` prints one object: for each engine its calls as ``watch --json``
prints them, how many have no record, its programs, and what became of OVER calls that nobody reads; and the number of
descriptors left open at the end.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
from contextlib import ExitStack
from pathlib import Path

from listenwatch.bpf.engine import Engine
from listenwatch.call.record import decode
from listenwatch.features.attach import modes_here, open_engine
from listenwatch.features.behaviour import behaviour_of
from listenwatch.linux.kernel import running_kernel
from listenwatch.report.call_json import judged_to_json
from listenwatch.verdict.compare import judge

LIBC = ctypes.CDLL(None, use_errno=True)
OVER = 37_000
"""More calls than a ring of 16 MB has room for."""


def make_calls() -> None:
    """Each way a call can go that needs nothing special of the machine."""
    with ExitStack() as owned:

        def new(family: int, kind: int = socket.SOCK_STREAM) -> socket.socket:
            return owned.enter_context(socket.socket(family, kind))

        inet, inet6, unix = new(socket.AF_INET), new(socket.AF_INET6), new(socket.AF_UNIX)
        inet.bind(("127.0.0.1", 0))
        inet6.bind(("::1", 0))
        unix.bind("\0listenwatch-side-by-side")
        for sock in (inet, inet6, unix, new(socket.AF_INET), new(socket.AF_INET, socket.SOCK_DGRAM)):
            for backlog in (511, 7):
                LIBC.listen(sock.fileno(), backlog)
        LIBC.listen(-1, 5)


def make_more_than_fit() -> None:
    """The same call again and again."""
    with socket.socket() as sock:
        for _ in range(OVER):
            LIBC.listen(sock.fileno(), 5)


def counted(engine: Engine) -> dict[str, int]:
    """How many calls we made, and its records are of; how many of those had no room in the ring; and what was lost."""
    calls = [call for call in map(decode, engine.sync()) if call.pid == os.getpid()]
    loss = engine.loss()
    return {"made": OVER, "calls": sum(call.repeats for call in calls), "repeats": loss.repeats, "lost": loss.lost}


def descriptors() -> set[str]:
    """What this process has open; every program, map and attachment hangs on one of these."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def main() -> None:
    """Open all of them, make the calls, print what each saw."""
    behaviour = behaviour_of(running_kernel())
    found: dict[str, dict[str, object]] = {}
    before = descriptors()
    with ExitStack() as owned:
        engines = [owned.enter_context(open_engine("core", mode, ring_size=1 << 16)) for mode in modes_here()]
        engines.append(owned.enter_context(open_engine("bcc", "kprobe")))
        for engine in engines:
            engine.sync()
        make_calls()
        for engine in engines:
            calls = [call for call in map(decode, engine.sync()) if call.pid == os.getpid()]
            loss = engine.loss()
            found[f"{engine.name} {engine.attach}"] = {
                "calls": [judged_to_json(call, judge(call, behaviour)) for call in calls],
                "without_record": loss.lost + loss.in_flight,
                "programs": [program.name for program in engine.programs],
            }
        make_more_than_fit()
        for engine in engines:
            found[f"{engine.name} {engine.attach}"]["full"] = counted(engine)
    print(json.dumps({"engines": found, "left_open": len(descriptors() - before)}))


if __name__ == "__main__":
    main()
