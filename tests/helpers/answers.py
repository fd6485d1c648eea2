"""Answers of the standalone program: recorded ones, changed ones, and those of a run."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from listenwatch.call.forms import STATES
from listenwatch.conformance.standalone.answers import read_answers
from listenwatch.conformance.standalone.judging import Judgement, judge_answers
from listenwatch.conformance.standalone.stacks import stack_of
from listenwatch.model.inputs import TcpState
from listenwatch.verdict.compare import VerdictKind
from tests import ROOT

FOLDER = ROOT / "tests/data/answers"
LINUX, GVISOR = "linux-6.18", "gvisor"
Line = dict[str, Any]


def recorded(name: str) -> bytes:
    """What the program printed in that stack."""
    return gzip.decompress((FOLDER / f"{name}.jsonl.gz").read_bytes())


def lines_of(data: bytes) -> list[Line]:
    return [json.loads(line) for line in data.splitlines() if line.startswith(b"{")]


def data_of(lines: list[Line]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def changed(data: bytes, change: Callable[[Line], None], *, case: str | None = None, kind: str = "listen") -> bytes:
    """With the first line of this kind (and case) changed."""
    lines = lines_of(data)
    change(next(line for line in lines if line.get("kind") == kind and case in (None, line.get("case"))))
    return data_of(lines)


def judged(data: bytes, stack: str | None) -> Judgement:
    answers = read_answers(io.BytesIO(data), "answers")
    return judge_answers(answers, stack_of(stack, answers.header))


def disagreeing(judgement: Judgement) -> list[tuple[str, str]]:
    """The case and the first difference of each disagreement."""
    return [
        (getattr(judged.answer, "case", "sysctl"), str(getattr(judged.verdict.differences[0].field, "value", judged.verdict.differences[0].field)))
        for judged in judgement.judged
        if judged.verdict.kind is VerdictKind.DISAGREE
    ]


def compared_with_calls(data: bytes, calls: list[Line]) -> int:
    """How many listen() lines there are: each is the call that the probes recorded at its place, as far as it sees it."""
    answers = [line for line in lines_of(data) if line.get("kind") == "listen"]
    assert len(answers) == len(calls)
    for answer, call in zip(answers, calls, strict=True):
        assert (answer["asked"], answer["result"]) == (call["asked"], call["result"]), answer
        if answer["is_socket"]:
            assert answer["somaxconn"] == call["somaxconn"], answer
        post = answer.get("post", {})
        if post.get("tcpi_state") is not None:
            assert STATES.get(post["tcpi_state"]) == call["post"]["state"], answer
        if post.get("tcpi_state") == TcpState.LISTEN:
            assert (post["tcpi_sacked"], post["tcpi_unacked"], post["port"]) == (
                call["stored"], call["post"]["ack_backlog"], call["port"],
            ), answer  # fmt: skip
    return len(answers)


WATCHED = '"$@" watch -q -o calls.jsonl -- sh -c "./answer >answers.jsonl"'


def asked_in_guest(folder: Path, program: Path, listenwatch: list[str], *options: str) -> tuple[bytes, int]:
    """What the program answers in the 6.1 guest, and how many of its calls the probes there saw the same, each agreeing."""
    program.rename(folder / "answer")
    guest = [sys.executable, "-m", "listenwatch", "guest", "--cpus", "1", "--kernel", "6.1", *options, "--"]
    done = subprocess.run(
        [*guest, "sh", "-c", WATCHED, "sh", *listenwatch], capture_output=True, text=True, timeout=900, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    lines = [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]
    calls = [line for line in lines if line["schema"] == "listenwatch/call/3"]
    assert {call["verdict"] for call in calls} == {"AGREE"}
    data = (folder / "answers.jsonl").read_bytes()
    return data, compared_with_calls(data, calls)
