"""drgn, which reads kernel memory with other types by another way, finds in each socket what the probe saw."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from listenwatch import guests
from listenwatch.errors import GuestError
from listenwatch.guests import boot
from listenwatch.model.inputs import TcpState
from tests import ROOT
from tests.require import require
from tests.sabotage.build import build

pytestmark = pytest.mark.guest



def test_drgn_reads_what_the_probe_saw() -> None:
    try:
        boot.check_tools()
        kernel = guests.fetch("6.1", progress=print)
        headers = guests.fetch_headers(kernel, progress=print)
    except GuestError as error:
        require("guest", False, str(error))
    modules = {
        module.stem: module for module in build(headers, ROOT / "build/sabotage" / kernel.version)
    }
    line = [sys.executable, "-m", "listenwatch", "guest", "--cpus", "1", "--kernel", "6.1", "--", sys.executable]
    done = subprocess.run(
        [*line, "-m", "tests.guest.drgn_witness", modules["relisten_ignored"]],
        capture_output=True, text=True, timeout=600, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    listeners = [json.loads(line) for line in done.stdout.splitlines()]
    assert [listener["drgn"] for listener in listeners] == [
        [TcpState.LISTEN, 5, 0],
        [TcpState.LISTEN, 4096, 0],
        [TcpState.LISTEN, 4096, 0],
        [TcpState.LISTEN, 3, 2],
        [TcpState.LISTEN, 0, 1],
    ]
    assert all(listener["probe"] == listener["drgn"] for listener in listeners)
