"""A guest of riscv64: what it can attach, and scenarios that agree in every mode there is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import ROOT
from tests.helpers.contract import fit
from tests.helpers.guest import needs_guest

pytestmark = pytest.mark.guest


def test_scenarios_agree_in_every_mode_there_is() -> None:
    """Of one boot: 6.12 takes no kprobes where a function begins, and has trampolines there."""
    needs_guest("6.12", arch="riscv64")
    line = [sys.executable, "-m", "listenwatch", "guest", "--arch", "riscv64", "--kernel", "6.12", "--cpus", "1", "--",
            "listenwatch", "verify", "--json", "--attach", "all", "-k", "backlog-*-ipv*"]  # fmt: skip
    done = subprocess.run(line, capture_output=True, text=True, timeout=900, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    lines = fit(done.stdout)
    summaries = {line["summary"]["attach"]: line["summary"] for line in lines if "summary" in line}
    assert set(summaries) == {"fentry", "tracepoint"}
    assert {line["verdict"] for line in lines if "summary" not in line} == {"AGREE"}
    assert {summary["kernel"]["machine"] for summary in summaries.values()} == {"riscv64"}
    assert [summary["lost"] for summary in summaries.values()] == [0, 0]
    assert summaries["tracepoint"]["equality"]["different"] == 0
