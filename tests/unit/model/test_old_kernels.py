"""Kernels older than any distribution's: every recorded answer is what the model predicts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from listenwatch.model.kernels import behaviour_for, name
from listenwatch.model.variants import FastOpen, SomaxconnRange, Stored, SynQueue
from tests.helpers.old_kernels import (
    FOLDER,
    JUDGES,
    NOT_JUDGED,
    RECORDED,
    differences,
    lines_of,
    release_of,
)

NAMES = [path.name.removesuffix(".txt.gz") for path in RECORDED]


def test_every_recorded_kernel_is_there() -> None:
    assert sorted(["2.6.20", "2.6.24", "2.6.32", "3.10", "3.19", "4.10", "4.14.303", "4.19", "4.3", "4.9", "5.0", "5.4.229", "5.9"]) == NAMES
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 300_000


@pytest.mark.parametrize("path", RECORDED, ids=NAMES)
def test_the_model_predicts_every_answer(path: Path) -> None:
    lines = lines_of(path)
    version = release_of(lines)
    wrong = list(differences(lines, version, behaviour_for(version)))
    assert not wrong, (name(version), len(wrong), Counter(line.kind for line, _ in wrong), wrong[0])
    assert sum(line.kind in JUDGES for line in lines) > 370
    assert {line.kind for line in lines} <= JUDGES.keys() | NOT_JUDGED


@pytest.mark.parametrize(
    ("kernel", "field", "value"),
    [
        ("2.6.20", "max_ack_backlog_bits", 32),
        ("2.6.20", "syn_queue", SynQueue.TABLE_OF_512),
        ("2.6.20", "syncookies_by_default", True),
        ("2.6.24", "somaxconn_per_netns", True),
        ("2.6.32", "somaxconn_range", SomaxconnRange.ANY_INT),
        ("2.6.32", "syn_drops_counted", True),
        ("2.6.32", "syn_floods_counted", True),
        ("2.6.32", "cookies_counted_as_drops", True),
        ("3.10", "somaxconn_range", SomaxconnRange.ANY_INT),
        ("3.10", "cookies_counted_as_drops", False),
        ("3.10", "syncookies_2_is_always", True),
        ("4.3", "cookies_counted_as_drops", False),
        ("4.3", "stored", Stored.INSIDE_LISTEN_START),
        ("4.9", "cookies_counted_as_drops", True),
        ("4.9", "fastopen", FastOpen.TUNES_EITHER),
        ("4.9", "full_acceptq_drops_every_syn", True),
        ("4.14.303", "port_failure_returns_0", False),
        ("5.4.229", "syn_queue_full_above_limit", True),
        ("5.9", "somaxconn_default", 128),
    ],
)
def test_a_field_that_is_wrong_is_noticed(kernel: str, field: str, value: object) -> None:
    lines = lines_of(FOLDER / f"{kernel}.txt.gz")
    version = release_of(lines)
    assert list(differences(lines, version, behaviour_for(version).replace(**{field: value})))
