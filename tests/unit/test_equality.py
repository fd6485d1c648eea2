"""Two engines on the same call: what must be equal, what may differ, and how a run of several is reported."""

from __future__ import annotations

import json

import pytest

from listenwatch.model.behaviour import LINUX_7_3
from listenwatch.model.stages import STAGE_LABELS, StageIndex
from listenwatch.record import Flag, ListenCall
from listenwatch.report import witnesses
from listenwatch.report.ktap import ktap
from listenwatch.report.verification import Verification
from listenwatch.scenarios.equality import OWN, SAME, Beside, comparable, unequal
from listenwatch.scenarios.judging import judge_pair
from listenwatch.scenarios.runner import Result
from listenwatch.verdict import Kind
from tests.unit.test_scenarios import AGREED, DISAGREED, SETTING, issued, record, scenario

TRACEPOINT = 1 << StageIndex.STATE_LISTEN | 1 << StageIndex.STATE_CLOSE


def by_tracepoint(call: ListenCall) -> ListenCall:
    """The same call as tracepoints see it."""
    stages = {i: stage for i, stage in call.stages.items() if TRACEPOINT >> i & 1}
    return call._replace(hooks=TRACEPOINT, stages=stages, time_ns=1, duration_ns=2)


def result_of(call: ListenCall, beside: ListenCall, name: str = "both") -> Result:
    return Result(scenario(name), (judge_pair((issued(), call), LINUX_7_3, 0, Beside(beside)),))


def run(mode: str, *results: Result) -> Verification:
    return Verification(results, 0, {**SETTING, "mode": mode})


def test_a_mode_that_sees_less_is_equal_in_what_both_see() -> None:
    call = record()
    assert list(unequal(by_tracepoint(call), call)) == []


@pytest.mark.parametrize("field", SAME)
def test_every_field_but_an_engines_own_must_be_equal(field: str) -> None:
    call = record()
    value = getattr(call, field)
    other = value + (b"x" if isinstance(value, bytes) else 1) if not isinstance(value, tuple) else None
    if other is None:  # a socket or the sysctls: change one number in it
        name = value._fields[0]
        other = value._replace(**{name: getattr(value, name) + 1})
    (difference,) = unequal(call, call._replace(**{field: other}))
    assert difference.field.startswith(field)
    assert set(OWN) == set(ListenCall._fields) - set(SAME)


@pytest.mark.parametrize("part", ["value", "max_ack_backlog", "ack_backlog", "state", "socket_state"])
def test_every_part_of_a_stage_must_be_equal(part: str) -> None:
    call = record()
    stage = call.stages[StageIndex.HASH]
    changed = stage._replace(**{part: getattr(stage, part) + 1})
    other = call._replace(stages={**call.stages, StageIndex.HASH: changed})
    (difference,) = unequal(call, other)
    assert difference.field == f"inet_hash {part} against the first engine"


def test_a_stage_that_one_of_them_did_not_pass_is_a_difference_unless_a_program_was_skipped() -> None:
    call = record()
    other = call._replace(stages={i: s for i, s in call.stages.items() if i != StageIndex.HASH})
    for one, two in ((call, other), (other, call)):
        (difference,) = unequal(one, two)
        assert {difference.predicted, difference.observed} == {"reached", "not reached"}
        assert not list(unequal(one, two, skipped=1))


@pytest.mark.parametrize("flag", [Flag.CONTENDED, Flag.FD_CHANGED])
def test_a_socket_that_others_change_meanwhile_is_not_compared(flag: Flag) -> None:
    call = record()
    raced = call._replace(flags=call.flags | flag)
    assert not comparable(call, raced)
    assert not comparable(raced, call)
    judged = judge_pair((issued(), call), LINUX_7_3, 0, Beside(raced))
    assert judged.beside is None
    assert judged.verdict.kind is Kind.AGREE


def test_a_record_that_is_not_the_same_disagrees_and_is_counted() -> None:
    call = record()
    other = call._replace(socket_cookie=call.socket_cookie + 1)
    good, bad = result_of(by_tracepoint(call), call), result_of(by_tracepoint(call), other, "bad")
    assert good.kind is Kind.AGREE
    assert bad.kind is Kind.DISAGREE
    second = run("tracepoint", good, bad)
    assert second.beside() == (1, 1)
    runs = [run("kprobe", AGREED, AGREED), second]
    assert witnesses.exit_status(runs, strict=False) == 1
    text = witnesses.report(runs, colour=False, verbose=False)
    assert "bad, call 1: DISAGREE: socket_cookie against the first engine" in text
    assert "Equal to what core kprobe saw of the same calls: 1 records, 1 records differ" in text


def test_a_program_that_either_engine_skipped_excuses_a_stage_but_no_wrong_prediction() -> None:
    call = record()
    other = call._replace(stages={i: s for i, s in call.stages.items() if i != StageIndex.HASH})
    for skipped, kind in ((0, Kind.DISAGREE), (1, Kind.AGREE)):
        judged = judge_pair((issued(), call), LINUX_7_3, 0, Beside(other, skipped))
        assert judged.verdict.kind is kind
    assert judge_pair((issued(), other), LINUX_7_3, 0, Beside(call, 1)).verdict.kind is Kind.DISAGREE


def test_a_return_that_a_kretprobe_missed_took_place_all_the_same() -> None:
    call = record()
    for index in (
        StageIndex.SECURITY_RETURN, StageIndex.LISTEN_START_RETURN, StageIndex.INET_LISTEN_RETURN
    ):  # fmt: skip
        other = call._replace(stages={i: s for i, s in call.stages.items() if i != index})
        assert not list(unequal(call, other))
        assert not list(unequal(other, call))
        assert judge_pair((issued(), other), LINUX_7_3).verdict.kind is Kind.INCONCLUSIVE
        wrong = other._replace(result=-98)
        assert judge_pair((issued()._replace(error=98), wrong), LINUX_7_3).verdict.kind is Kind.DISAGREE
        entries = (index - 1, index - 4, index - 6, index - 7)
        never = other._replace(stages={i: s for i, s in other.stages.items() if i not in entries})
        assert f"{STAGE_LABELS[index]} against the first engine" in [d.field for d in unequal(call, never)]
        assert judge_pair((issued(), never), LINUX_7_3).verdict.kind is Kind.DISAGREE


def test_the_exit_status_is_that_of_the_worst_engine() -> None:
    good, lossy, bad = run("kprobe", AGREED), run("fentry", AGREED)._replace(lost=1), run("x", DISAGREED)
    assert witnesses.exit_status([good], strict=False) == 0
    assert witnesses.exit_status([good, lossy], strict=False) == 4
    assert witnesses.exit_status([lossy, bad, good], strict=False) == 1


def test_json_says_for_each_engine_what_was_predicted_and_how_the_records_compare() -> None:
    call = record()._replace(address=b"\x7f\0\0\1")
    both = result_of(by_tracepoint(call), call)
    (line,) = witnesses.call_lines(both, "core", "tracepoint")
    assert (line["scenario"], line["engine"], line["attach"]) == ("both", "core", "tracepoint")
    assert line["predicted"]["max_ack_backlog"] == line["stored"]
    assert line["predicted"]["state"] == "LISTEN"
    assert line["predicted"]["stages"]["hash"]["state"] == "LISTEN"
    (lost,) = witnesses.call_lines(DISAGREED, "core", "kprobe")
    assert lost["verdict"] == "DISAGREE"
    assert "predicted" not in lost
    first, second = witnesses.summaries([run("kprobe", AGREED), run("tracepoint", both)])
    assert "beside" not in first
    assert second["beside"] == {"against": "core kprobe", "equal": 1, "different": 0}
    json.dumps([line, lost, first, second])


def test_ktap_has_a_subtest_for_each_engine() -> None:
    text = ktap([run("kprobe", AGREED), run("tracepoint", DISAGREED)])
    lines = text.splitlines()
    assert lines[:5] == [
        "KTAP version 1", "1..2", "  # Subtest: core-kprobe", "  KTAP version 1", "  1..1",
    ]  # fmt: skip
    assert "ok 1 core-kprobe" in lines
    assert lines[-1] == "not ok 2 core-tracepoint"
