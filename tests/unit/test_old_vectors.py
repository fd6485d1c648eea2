"""Kernels older than the probe as vectors: what they answered and who said so; and which kernels were run at all."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from listenwatch.call.record import ListenCall
from listenwatch.cli import main
from listenwatch.features.behaviour import behaviour_of_recorded
from listenwatch.model.kernels import STARTS, era_start, mainline, name, runs_of
from listenwatch.model.kernels_run import RUN, SEEN
from listenwatch.model.rules import Rule
from listenwatch.report.behaviour import runs_text
from listenwatch.report.rules_json import run_objects, seen_object
from listenwatch.verdict.compare import VerdictKind, judge
from tests.helpers import kernels_run
from tests.helpers.contract import validator
from tests.helpers.old_kernels import JUDGES, RECORDED, lines_of
from tests.helpers.old_vectors import compressed, place_of
from tests.helpers.vectors import load
from tests.sabotage.rare import RARE

NAMES = [path.name.removesuffix(".txt.gz") for path in RECORDED]
OLD = pytest.mark.parametrize("path", RECORDED, ids=NAMES)
PORT_LOST = {"4.14.303", "5.4.229"}
"""Where listen() returns 0 although there was no port: a limit nobody looked at cannot be compared."""


@cache
def printed(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(place_of(path).read_bytes()).splitlines()]


def calls_of(path: Path) -> list[ListenCall]:
    return load(place_of(path))[1]


@OLD
def test_they_are_what_the_answers_say(path: Path) -> None:
    """Made afresh: ``python -m tests.helpers.old_vectors``."""
    assert gzip.decompress(place_of(path).read_bytes()) == gzip.decompress(compressed(lines_of(path)))


@OLD
def test_every_line_fits_the_published_schema(path: Path) -> None:
    for line in printed(path):
        assert validator(line["schema"]).is_valid(line)


@OLD
def test_every_call_agrees_with_the_model_of_its_release(path: Path) -> None:
    recording, calls = load(place_of(path))
    behaviour = behaviour_of_recorded(recording.header.kernel)
    assert {judge(call, behaviour).kind for call in calls} == {VerdictKind.AGREE}
    assert len(calls) > 300


@OLD
def test_a_limit_that_is_wrong_disagrees(path: Path) -> None:
    recording, calls = load(place_of(path))
    behaviour = behaviour_of_recorded(recording.header.kernel)
    seen = [call for call in calls if call.stored is not None]
    wrong = [call._replace(post=call.post._replace(max_ack_backlog=call.post.max_ack_backlog + 1)) for call in seen]
    assert len(wrong) > 250
    assert {judge(call, behaviour).kind for call in wrong} == {VerdictKind.DISAGREE}


@OLD
def test_every_value_that_was_looked_at_has_a_witness(path: Path) -> None:
    for line in printed(path)[1:-1]:
        post, witnesses = line["post"], line["witnesses"]
        assert witnesses["result"] == "system call"
        for field in ("state", "max_ack_backlog", "ack_backlog", "local_port"):
            looked_at = bool(post and post["family"]) and post[field] is not None
            assert (f"post.{field}" in witnesses) == looked_at, (line["scenario"], field)
    said = {witness for line in printed(path)[1:-1] for witness in line["witnesses"].values()}
    assert said == {"system call", "kernel memory", "TCP_INFO", "getsockname"}


def test_2_6_24_and_its_neighbours_differ_where_the_model_says_so() -> None:
    """The vectors can tell eras apart: 65536 with a limit of 16 bits, and what a failed listen() leaves."""
    (old,) = [path for path in RECORDED if path.name.startswith("2.6.24")]
    (later,) = [path for path in RECORDED if path.name.startswith("5.9")]
    assert VerdictKind.DISAGREE in {judge(call, mainline((5, 9, 0))).kind for call in calls_of(old)}
    assert VerdictKind.DISAGREE in {judge(call, mainline((2, 6, 20))).kind for call in calls_of(later)}


def test_they_replay_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--json", str(place_of(RECORDED[0]))]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert json.loads(last)["summary"]["disagree"] == 0


def test_a_kernel_older_than_the_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = gzip.decompress(place_of(RECORDED[0]).read_bytes()).replace(b'"version": [2, 6, 20]', b'"version": [2, 4, 0]')
    (tmp_path / "trace").write_bytes(lines)
    assert main(["replay", str(tmp_path / "trace")]) == 3
    assert "Linux 2.4.0 is older than 2.6.12, the oldest kernel that the model describes" in capsys.readouterr().err


# -- which kernels were run


def test_the_list_of_kernels_that_were_run_is_counted_in_the_data() -> None:
    """Made afresh: ``python -m tests.helpers.kernels_run``."""
    assert kernels_run.PLACE.read_text() == kernels_run.text()
    by_version = {run.version: run for run in RUN if run.attach == "oldlisten"}
    assert len(by_version) == len(RECORDED)
    assert by_version[2, 6, 24].cases == sum(line.kind in JUDGES for line in lines_of(RECORDED[NAMES.index("2.6.24")]))
    assert {name(run.version) for run in RUN if run.base} == PORT_LOST


def test_an_era_says_whether_it_was_run_or_only_read() -> None:
    assert sorted(run for first in STARTS for run in runs_of(first)) == sorted(RUN)
    assert runs_text((2, 6, 14)) == "only read in source"
    assert run_objects((2, 6, 14)) == []
    assert runs_text((2, 6, 20)).startswith("2.6.20 i686: ")
    assert "rebuilt from 5.4.0" in runs_text(era_start((5, 4, 229)))


def test_a_rule_says_where_it_was_last_seen() -> None:
    """By a vector, or where none has it by a module; of others that none has."""
    assert SEEN["listens"].version == max(run.version for run in RUN)
    assert SEEN["port-failure-lost"].attach == "oldlisten"
    assert {rare.rule.value: SEEN[rare.rule.value].module for rare in RARE} == {rare.rule.value: rare.module for rare in RARE}
    assert seen_object(Rule.NO_MEMORY) is None
    never = {rule for rule in Rule if seen_object(rule) is None}
    assert never == {
        Rule.FASTOPEN_NO_MEMORY, Rule.NO_MEMORY, Rule.HASH_ERROR_LOST, Rule.SCTP_NEGATIVE, Rule.SCTP_NO_FREE_PORT,
        Rule.SCTP_HASH_FAILED,
    }  # fmt: skip


def test_rules_and_predict_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    main(["rules", "--eras", "--json"])
    eras = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"era"' in line]
    assert {era["era"] for era in eras if era["run"]} > {"2.6.20", "4.9", "5.0"}
    main(["rules", "--eras"])
    shown = capsys.readouterr().out
    assert "only read in source" in shown
    assert "2.6.24 i686: 530 cases" in shown
    main(["predict", "--backlog", "5", "--kernel", "2.6.24"])
    assert "Kernels of this era that were run: 2.6.20 i686: 529 cases; 2.6.24 i686: 530 cases" in capsys.readouterr().out
    main(["predict", "--backlog", "5", "--kernel", "2.6.30", "--json"])
    assert [run["release"] for run in json.loads(capsys.readouterr().out)["run"]] == ["2.6.32.69"]
