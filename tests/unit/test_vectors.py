"""Vectors: every recorded call of real kernels, judged afresh without privilege."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from listenwatch.kernel import behaviour_of
from listenwatch.model.inputs import Door
from listenwatch.record import ListenCall
from listenwatch.recording import Recording
from listenwatch.verdict import Kind, judge

FOLDER = Path(__file__).parents[1] / "vectors"
VECTORS = sorted(FOLDER.glob("*/*.jsonl"))


def load(path: Path) -> tuple[Recording, list[ListenCall]]:
    with path.open("rb") as stream:
        recording = Recording(stream, path.name)
        return recording, list(recording.calls())


def test_there_are_vectors_of_several_kernels() -> None:
    series = {load(path)[0].header.kernel.series for path in VECTORS}
    assert {"5.10", "6.1", "7.3"} < series


@pytest.mark.parametrize("path", VECTORS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_every_line_fits_the_schema(path: Path) -> None:
    schema = json.loads((FOLDER / "schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    first, *_, last = lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        validator.validate(line)
    assert "recording" in first
    assert "summary" in last
    broken = {**lines[1], "pre": {**lines[1]["post"], "state": None}}
    assert not validator.is_valid(broken)


@pytest.mark.parametrize("path", VECTORS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_every_call_agrees(path: Path) -> None:
    recording, calls = load(path)
    behaviour = behaviour_of(recording.header.kernel)
    verdicts = [judge(call, behaviour) for call in calls]
    assert Counter(v.kind for v in verdicts) == {Kind.AGREE: len(calls)}
    assert len(calls) > 400
    assert recording.lost == 0


@pytest.mark.parametrize("path", VECTORS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_vector_can_disagree(path: Path) -> None:
    """The stored limit off by one, in every call that stored one: none of them passes."""
    recording, calls = load(path)
    behaviour = behaviour_of(recording.header.kernel)
    wrong = [
        call._replace(post=call.post._replace(max_ack_backlog=call.post.max_ack_backlog + 1))
        for call in calls
        if call.post.seen and call.door != Door.UNKNOWN
    ]
    assert len(wrong) > 300
    assert {judge(call, behaviour).kind for call in wrong} <= {Kind.DISAGREE, Kind.INCONCLUSIVE}
