"""Vectors: every recorded call of real kernels, judged afresh without privilege."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from listenwatch.conformance.matrix.vectors import case_of, distinct
from listenwatch.features.behaviour import behaviour_of
from listenwatch.model.inputs import EntryPath
from listenwatch.verdict.compare import VerdictKind, judge
from tests.helpers.contract import validator
from tests.helpers.vectors import FOLDER, VECTORS, lines_of, load, name_of


def validator_of(line: dict[str, Any]) -> Draft202012Validator:
    """For a line of a recording: each says which schema it has, but for those of earlier versions, which all have one."""
    return validator(line["schema"] if isinstance(line.get("schema"), str) else "recording-2")


def test_there_are_vectors_of_several_kernels() -> None:
    series = {load(path)[0].header.kernel.series for path in VECTORS}
    assert {"5.10", "6.1", "7.3"} < series
    assert {load(path)[0].header.kernel.machine for path in VECTORS} == {"x86_64", "aarch64", "riscv64"}


@pytest.mark.parametrize("path", VECTORS, ids=name_of)
def test_every_line_fits_the_schema(path: Path) -> None:
    first, *_, last = lines = [json.loads(line) for line in lines_of(path)]
    for line in lines:
        validator_of(line).validate(line)
    assert "recording" in first
    assert "summary" in last
    assert all(line["scenario"] and "verdict" not in line for line in lines[1:-1])
    broken = {**lines[1], "pre": {**lines[1]["post"], "family": None}}
    assert not validator_of(broken).is_valid(broken)


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 2 * 2**20


@pytest.mark.parametrize("path", VECTORS, ids=name_of)
def test_each_call_is_a_case_of_its_own(path: Path) -> None:
    scenarios = [json.loads(line).get("scenario") for line in lines_of(path)][1:-1]
    calls = load(path)[1]
    vectors = list(zip(scenarios, calls, strict=True))
    assert list(distinct(vectors)) == vectors
    assert len({case_of("", call) for call in calls}) > 640


@pytest.mark.parametrize("path", VECTORS, ids=name_of)
def test_every_call_agrees(path: Path) -> None:
    recording, calls = load(path)
    behaviour = behaviour_of(recording.header.kernel)
    verdicts = [judge(call, behaviour) for call in calls]
    assert Counter(v.kind for v in verdicts) == {VerdictKind.AGREE: len(calls)}
    assert len(calls) > 400
    assert recording.lost == 0


@pytest.mark.parametrize("path", VECTORS, ids=name_of)
def test_a_vector_can_disagree(path: Path) -> None:
    """The stored limit off by one, in every call that stored one: none of them passes."""
    recording, calls = load(path)
    behaviour = behaviour_of(recording.header.kernel)
    wrong = [
        call._replace(post=call.post._replace(max_ack_backlog=call.post.max_ack_backlog + 1))
        for call in calls
        if call.post.seen and call.entry_path != EntryPath.UNKNOWN
    ]
    assert len(wrong) > 300
    assert {judge(call, behaviour).kind for call in wrong} <= {VerdictKind.DISAGREE, VerdictKind.INCONCLUSIVE}
