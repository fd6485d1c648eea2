"""``listenwatch identify`` on this kernel: it finds what its names and release say, and ``verify`` agrees by its file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from listenwatch.bpf.package_data import is_compiled
from listenwatch.features.behaviour import behaviour_of
from listenwatch.linux.kernel import running_kernel
from listenwatch.report.behaviour_json import plain_value
from tests.helpers.contract import fit, fits
from tests.helpers.verifying import verify
from tests.require import require

pytestmark = pytest.mark.kernel

IDENTIFY = [sys.executable, "-m", "listenwatch", "identify"]
DECIDED = {
    "max_ack_backlog_bits", "state_tracepoint", "port_failure_returns_0", "unix_wrong_state_listens", "somaxconn_default",
    "somaxconn_per_netns", "somaxconn_range", "syn_queue", "syn_queue_full_above_limit", "syncookies_by_default",
    "syncookies_2_is_always", "syn_floods_counted", "syn_drops_counted", "cookies_counted_as_drops",
    "full_acceptq_drops_every_syn",
}  # fmt: skip
"""What experiments decide in any attach mode that BPF has."""


@pytest.fixture(autouse=True)
def _able() -> None:
    require("kernel", os.geteuid() == 0, "needs root")
    require("kernel", is_compiled("listen"), "the probe is not compiled")


def identify(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*IDENTIFY, *arguments], capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture(scope="module")
def identified(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What it prints, and the file it writes."""
    path = tmp_path_factory.mktemp("identify") / "this.json"
    done = identify("--json", "--output", str(path))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (line,) = fit(done.stdout)
    return line["identified"], path


def test_it_finds_what_names_and_release_say(identified: tuple[dict[str, Any], Path]) -> None:
    """By its calls alone where they decide."""
    line, _ = identified
    assert line["matches"]
    assert (line["unexplained"], line["contradicted"], line["wrong_by_release"], line["lost"]) == ([], [], [], 0)
    expected = behaviour_of(running_kernel()).values()
    for finding in line["findings"]:
        right = expected[finding["field"]]
        assert right is None or plain_value(right) in finding["left"], finding
        assert None in (right, finding["value"]) or finding["value"] == plain_value(right), finding
    assert {finding["field"] for finding in line["findings"] if finding["how"] == "experiment"} >= DECIDED


def test_verify_agrees_by_its_file_and_names_it(identified: tuple[dict[str, Any], Path]) -> None:
    _, path = identified
    fits(json.loads(path.read_text()))
    done = verify("-k", "syn-queue-cookies", "--behaviour-file", str(path))
    assert done.returncode == 0, done.stdout
    assert f"Model: by {path}: as the newest kernel" in done.stdout
    assert f"judged by {path}, identified on Linux {os.uname().release}" in done.stderr


def test_verify_disagrees_by_a_file_that_is_not_this_kernels(identified: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    content = json.loads(identified[1].read_text())
    content["behaviour"]["syn_drops_counted"] = not content["behaviour"]["syn_drops_counted"]
    content["kernel"]["release"] = "another"
    (tmp_path / "other.json").write_text(json.dumps(content))
    done = verify("-k", "capacity-0-ipv4", "--behaviour-file", str(tmp_path / "other.json"))
    assert done.returncode == 1, done.stdout
    assert "not on this one" in done.stderr


def test_a_part_of_the_scenarios_leaves_more_undecided() -> None:
    done = identify("-k", "relisten-ipv4")
    assert done.returncode == 0, done.stderr
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("syn_queue_full_above_limit")]
    assert row.split()[1:] == ["yes", "or", "no", "nothing", "here:", "no", "experiment"]
    assert "AGREE: a documented behaviour explains all of" in done.stdout
