"""Run in a guest: every way to refuse a connection, under the overflow probe in each mode; prints JSON.

``python -m tests.guest.overflow_kinds`` prints, for each way, what tests/helpers/refusals.py says it
did, and for each mode the counts by kind and by how much the counters moved; then what the command
itself printed of one of them.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import traceback
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any

from listenwatch.bpf.overflow import COUNTERS, Netns, OverflowProbe
from listenwatch.cli import main
from listenwatch.features.attach import OVERFLOW_MODES, open_overflow_probe
from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.netns import cookie
from listenwatch.overflow.kinds import OverflowKind
from tests.helpers import refusals


def in_child(way: Callable[[], int], probes: dict[str, OverflowProbe]) -> dict[str, Any]:
    """Have a child refuse. It lives until we end, so that no other namespace gets its number."""
    told, tell = os.pipe()
    wait, end = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(end)
            said = {"netns": refusals.enter_namespace(), "cookie": cookie(), **refusals.done_by(way)}
            os.write(tell, json.dumps(said).encode())
            os.read(wait, 1)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(tell)
    os.close(wait)
    with os.fdopen(told) as stream:
        said = json.loads(os.read(stream.fileno(), 1 << 16))
    netns = Netns(said["netns"], said["cookie"])
    return {"done": said, **{mode: seen(each, netns) for mode, each in probes.items()}}


def seen(probe: OverflowProbe, netns: Netns) -> dict[str, Any]:
    """What one probe counted there."""
    kinds: dict[str, int] = {}
    found = [e for e in probe.counted() if Netns(e.netns, e.netns_cookie) == netns]
    for each in found:
        name = OverflowKind(each.kind).name.lower()
        kinds[name] = kinds.get(name, 0) + each.times
    moved = dict(zip(COUNTERS, probe.total(netns).moved, strict=True))
    connections = sum(each.connections for each in found)
    return {"kinds": kinds, "moved": moved, "sockets": len({each.sk for each in found}), "connections": connections}


def by_command() -> dict[str, Any]:
    """What ``listenwatch overflow --json`` prints of one way. Forked: here an import takes long."""
    told, tell = os.pipe()
    with tempfile.TemporaryFile("w+") as out:
        pid = os.fork()
        if not pid:
            os.dup2(out.fileno(), 1)
            os.dup2(tell, 2)
            os._exit(main(["overflow", "--json"]))
        os.close(tell)
        with os.fdopen(told) as stderr:
            said = stderr.readline()
            assert "watching" in said, said
            done = in_child(refusals.ack_reset, {})["done"]
            os.kill(pid, signal.SIGINT)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out.seek(0)
        return {"done": done, "status": status, "lines": [json.loads(line) for line in out]}


def run() -> None:
    """Every way under both probes, attached at once."""
    with ExitStack() as owned:
        probes = {mode: owned.enter_context(closing(open_overflow_probe(mode))) for mode in OVERFLOW_MODES}
        ways = {name: in_child(way, probes) for name, way in refusals.WAYS.items()}
        by_io_uring = {
            kind: in_child(way, probes)
            for kind, way in refusals.WAYS_BY_IO_URING.items()
            if kind != "unix_eagain" or running_kernel().version >= (5, 15)
        }
        targets = {mode: [program.target for program in probe.programs] for mode, probe in probes.items()}
    print(json.dumps({"ways": ways, "by_io_uring": by_io_uring, "targets": targets, "command": by_command()}))


if __name__ == "__main__":
    run()
