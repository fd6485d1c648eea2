"""The standalone program on this kernel: its answers are the probes', agree with the model, and gVisor's with its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from listenwatch.conformance.standalone.build import build
from tests import ROOT
from tests.helpers.answers import compared_with_calls, disagreeing, judged
from tests.helpers.contract import fit
from tests.helpers.watching import LISTENWATCH, needs, needs_kernel
from tests.require import require

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    needs("clang")
    needs("ld.lld")
    folder = tmp_path_factory.mktemp("programs")
    folder.chmod(0o755)
    return {path.suffix[1:]: path for path in build(folder)}


@pytest.fixture
def program(programs: dict[str, Path]) -> Path:
    return programs[os.uname().machine]


def test_it_answers_what_the_probes_say(program: Path, tmp_path: Path) -> None:
    """Call by call: the same backlog, result, sysctl and limit; and every one agrees."""
    needs_kernel()
    answers, recording = tmp_path / "answers.jsonl", tmp_path / "calls.jsonl"
    done = subprocess.run(
        [*LISTENWATCH, "watch", "-q", "--json", "-o", str(recording), "--", "sh", "-c", '"$0" >"$1"', str(program), str(answers)],
        capture_output=True, text=True, timeout=300, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    calls = [line for line in fit(done.stdout) if line["schema"] == "listenwatch/call/3"]
    assert compared_with_calls(answers.read_bytes(), calls) > 250
    assert {call["verdict"] for call in calls} == {"AGREE"}
    judgement = judged(answers.read_bytes(), None)
    assert disagreeing(judgement) == []
    assert judgement.summary.agree > 290


@pytest.mark.parametrize("user", [[], ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set=-all"]])
@pytest.mark.parametrize("name", ["native", "i386"])
def test_it_needs_no_privilege(user: list[str], name: str, programs: dict[str, Path], program: Path) -> None:
    require("kernel", not user or os.geteuid() == 0, "needs root to be another user")
    if name == "i386":
        require("i386", os.uname().machine == "x86_64", "no 32-bit programs of x86 run here")
    if user:
        needs(user[0])
    line = [*user, str(programs["i386"] if name == "i386" else program)]
    done = subprocess.run(line, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    judgement = judged(done.stdout, None)
    assert disagreeing(judgement) == []
    assert judgement.summary.agree > 100


def test_gvisor_beside_this_kernel(tmp_path: Path) -> None:
    """``matrix --stack gvisor``: both agree with their models, and the report names where they differ."""
    needs_kernel()
    require("gvisor", shutil.which("runsc") is not None, "runsc is not installed")
    done = subprocess.run(
        [*LISTENWATCH, "matrix", "--stack", "gvisor", "--json", "-o", str(tmp_path)],
        capture_output=True, text=True, timeout=600, cwd=ROOT, check=False,
    )  # fmt: skip
    disagreeing = [line for line in done.stdout.splitlines() if '"DISAGREE"' in line]
    assert done.returncode == 0, "\n".join(disagreeing) + done.stderr
    summaries = [line["summary"] for line in fit(done.stdout) if "summary" in line]
    assert [summary["disagree"] for summary in summaries] == [0, 0]
    assert summaries[1]["judged_as"] == "gVisor" and summaries[1]["agree"] >= 50
    kept = [json.loads(line) for line in (tmp_path / "answers-gvisor.jsonl").read_text().splitlines()]
    assert kept[-1]["kind"] == "end"
