"""Recordings of real kernels, made elsewhere and otherwise: judged here, each call has the verdict it had there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from listenwatch.cli import main
from tests import ROOT

RECORDINGS = sorted((ROOT / "tests/data/recordings").iterdir())
"""MACHINE-ATTACH.jsonl, as ``watch -o`` wrote them."""


def test_there_are_some_of_the_mode_without_privilege_and_of_another_machine() -> None:
    assert {"x86_64-seccomp", "riscv64-fentry"} <= {path.stem for path in RECORDINGS}


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_the_verdicts_are_those_of_where_it_was_made(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header, *lines = path.read_text().splitlines()
    made = json.loads(header)["recording"]
    assert f"{made['kernel']['machine']}-{made['attach']}" == path.stem
    assert main(["replay", "--json", str(path)]) == 0
    *calls, summary = map(json.loads, lines)
    printed = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert printed == [*({**call, "repeats": 1} for call in calls), summary]  # a key that came later
    assert json.loads(lines[-1])["summary"]["agree"] > 1


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_they_can_disagree(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With another limit than was stored."""
    header, *lines = path.read_text().splitlines()
    calls = [json.loads(line) for line in lines[:-1]]
    stored = [call for call in calls if call["result"] == 0 and call["post"]["max_ack_backlog"] is not None]
    for line in stored:
        line["stored"] += 1
        line["post"]["max_ack_backlog"] += 1
    changed = tmp_path / path.name
    changed.write_text("\n".join([header, *map(json.dumps, stored)]) + "\n")
    assert main(["replay", str(changed)]) == 1
    assert f"{len(stored)} disagree" in capsys.readouterr().err
