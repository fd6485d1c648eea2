"""A guest of arm64, on whichever machine: its own programs, this listenwatch, and scenarios that agree in every mode."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.release import libraries, pyz
from deploy.release.source import copied, epoch
from listenwatch.cli import main
from listenwatch.conformance.standalone.build import build
from tests import ROOT
from tests.helpers.answers import asked_in_guest, disagreeing, judged
from tests.helpers.contract import fit
from tests.helpers.guest import needs_guest
from tests.helpers.watching import needs

pytestmark = pytest.mark.guest


@pytest.fixture(scope="module", autouse=True)
def _able() -> None:
    needs_guest("6.1", arch="arm64")


def in_guest(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command in the guest through the command line, as a user would."""
    line = [sys.executable, "-m", "listenwatch", "guest", "--arch", "arm64", "--kernel", "6.1", "--cpus", "1", "--", *command]
    return subprocess.run(line, capture_output=True, text=True, timeout=900, cwd=cwd)


LOOK_AROUND = """
uname -m; pwd; modprobe dummy && grep -q '^dummy ' /proc/modules && echo modprobe
test -e pyproject.toml && echo here
touch /new /usr/new && echo forgotten
exit 7
"""


def test_a_command_runs_there_and_its_exit_status_is_passed_on() -> None:
    done = in_guest("sh", "-c", LOOK_AROUND)
    assert done.returncode == 7, done.stderr
    assert done.stdout.splitlines() == ["aarch64", str(ROOT), "modprobe", "here", "forgotten"]


LISTENS = """
import socket
sock = socket.socket()
sock.bind(("127.0.0.1", 0))
for backlog in 511, 70000, 0:
    sock.listen(backlog)
"""


def test_a_recording_made_there_is_judged_the_same_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = in_guest("listenwatch", "watch", "--json", "-o", "calls.jsonl", "--", "python3", "-c", LISTENS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert main(["replay", "--json", str(tmp_path / "calls.jsonl")]) == 0
    assert capsys.readouterr().out == done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["summary"]["agree"] == 3


def test_scenarios_agree_in_every_mode_there_is() -> None:
    """6.1 has no trampolines on arm64; 32-bit programs are AArch32's."""
    done = in_guest("listenwatch", "verify", "--json", "--attach", "all", "-k", "[bc][ao][cm][kp]*")  # backlog-, compat-
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    lines = fit(done.stdout)
    calls = [line for line in lines if "summary" not in line]
    summaries = {line["summary"]["attach"]: line["summary"] for line in lines if "summary" in line}
    assert set(summaries) == {"kprobe", "tracepoint"}
    assert {call["verdict"] for call in calls} == {"AGREE"}
    assert {summary["kernel"]["machine"] for summary in summaries.values()} == {"aarch64"}
    assert [summary["lost"] for summary in summaries.values()] == [0, 0]
    assert summaries["tracepoint"]["equality"]["different"] == 0
    assert "compat" in {call["door"] for call in calls}


def test_the_standalone_program_answers_what_the_probes_say(tmp_path: Path) -> None:
    needs("ld.lld")
    (program,) = build(tmp_path, ("aarch64",))
    data, calls = asked_in_guest(tmp_path, program, ["listenwatch"], "--arch", "arm64")
    assert calls > 250
    judgement = judged(data, None)
    assert (judgement.answers.header.program, disagreeing(judgement)) == ("aarch64", [])
    assert judgement.summary.agree > 280


def test_the_single_file_runs_there_alone(tmp_path: Path) -> None:
    """With its own packages, one of them compiled, and by the kernel's probe."""
    needed = libraries.install(tmp_path / "libraries")
    pyz.build(copied(tmp_path / "source") / "listenwatch", needed, tmp_path, tmp_path, epoch())
    alone = ("env", "-i", "PATH=/usr/bin:/usr/sbin", "HOME=/root", "python3", "-I", "listenwatch.pyz")
    done = in_guest(*alone, "watch", "--json", "--", "python3", "-c", LISTENS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "-arm64, engine core, attach mode kprobe" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["summary"]["agree"] == 3
