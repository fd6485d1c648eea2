"""Two engines on the same call: what must be equal, what may differ, and how a run of several is reported."""

from __future__ import annotations

import json

import pytest

from listenwatch.call.record import Flag, ListenCall, StageRecord
from listenwatch.conformance.harness.equality import (
    OWN,
    PARTS,
    SAME,
    OtherRecord,
    comparable,
    unequal,
)
from listenwatch.conformance.harness.judging import judge_pair
from listenwatch.conformance.run import Result, ScenarioRun, scenario_runs
from listenwatch.model.inputs import Socket, SocketState, TcpState
from listenwatch.model.socket_h import VSOCK
from listenwatch.model.stages import StageIndex
from listenwatch.report.runs.json_lines import call_lines, summary_line
from listenwatch.report.runs.ktap import ktap
from listenwatch.report.runs.table import report
from listenwatch.report.text import difference_name
from listenwatch.verdict.compare import VerdictKind
from listenwatch.verdict.difference import Where
from listenwatch.verdict.summary import worst
from tests.helpers.eras import LINUX_7_3
from tests.helpers.make import MPTCP, TCP, UNIX
from tests.helpers.scenarios import (
    AGREED,
    DISAGREED,
    KERNEL,
    SETTING,
    issued,
    record,
    scenario_run,
)

TRACEPOINT = 1 << StageIndex.STATE_LISTEN | 1 << StageIndex.STATE_CLOSE


def by_tracepoint(call: ListenCall) -> ListenCall:
    """The same call as tracepoints see it."""
    stages = {i: stage for i, stage in call.stages.items() if TRACEPOINT >> i & 1}
    return call._replace(hooks=TRACEPOINT, stages=stages, time_ns=1, duration_ns=2)


def result_of(call: ListenCall, beside: ListenCall, name: str = "both") -> Result:
    return Result(name, (judge_pair((issued(), call), LINUX_7_3, 0, OtherRecord(beside)),))


def run(mode: str, *results: Result, lost: int = 0) -> ScenarioRun:
    return scenario_run(*results, lost=lost, setting=SETTING._replace(mode=mode))


def runs(*results: tuple[Result, Result]) -> list[ScenarioRun]:
    """Those of kprobe and of a tracepoint that watched the same scenarios."""
    settings = [SETTING._replace(mode=mode) for mode in ("kprobe", "tracepoint")]
    return scenario_runs(settings, KERNEL, results)


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
    assert difference.place is PARTS.get(field, Where.CALL)
    assert difference.field == (field if field not in PARTS else getattr(call, field)._fields[0])
    assert difference_name(difference).startswith(field)
    assert set(OWN) == set(ListenCall._fields) - set(SAME)


@pytest.mark.parametrize("part", ["value", "max_ack_backlog", "ack_backlog", "state", "socket_state"])
def test_every_part_of_a_stage_must_be_equal(part: str) -> None:
    call = record()
    stage = call.stages[StageIndex.HASH]
    changed = stage._replace(**{part: getattr(stage, part) + 1})
    other = call._replace(stages={**call.stages, StageIndex.HASH: changed})
    (difference,) = unequal(call, other)
    assert difference_name(difference) == f"inet_hash {part} against the first engine"


def test_a_stage_that_one_of_them_did_not_pass_is_a_difference_unless_a_program_was_skipped() -> None:
    call = record()
    other = call._replace(stages={i: s for i, s in call.stages.items() if i != StageIndex.HASH})
    for one, two in ((call, other), (other, call)):
        (difference,) = unequal(one, two)
        assert {difference.predicted, difference.observed} == {True, False}
        assert not list(unequal(one, two, skipped=1))


@pytest.mark.parametrize("flag", [Flag.CONTENDED, Flag.FD_CHANGED])
def test_a_socket_that_others_change_meanwhile_is_not_compared(flag: Flag) -> None:
    call = record()
    raced = call._replace(flags=call.flags | flag)
    assert not comparable(call, raced)
    assert not comparable(raced, call)
    judged = judge_pair((issued(), call), LINUX_7_3, 0, OtherRecord(raced))
    assert judged.other is None
    assert judged.verdict.kind is VerdictKind.AGREE


CONNECTED, CLOSED, LISTENING = (
    TCP._replace(state=state, socket_state=socket_state)
    for state, socket_state in (
        (TcpState.FIN_WAIT1, SocketState.CONNECTED),
        (TcpState.CLOSE, SocketState.UNCONNECTED),
        (TcpState.LISTEN, SocketState.UNCONNECTED),
    )
)
SUBFLOW = MPTCP._replace(state=TcpState.LISTEN, subflow_state=TcpState.LISTEN)
VSOCK_CONNECTING = TCP._replace(family=VSOCK, state=TcpState.SYN_SENT, socket_state=SocketState.CONNECTING)
MOVED: list[tuple[Socket, dict[str, int]]] = [
    (CONNECTED, {"state": TcpState.FIN_WAIT2}),
    (CONNECTED._replace(state=TcpState.SYN_SENT), {"state": TcpState.ESTABLISHED}),
    (CONNECTED, {"state": TcpState.CLOSE, "bound": 0, "local_port": 0}),
    (LISTENING, {"ack_backlog": 3}),
    (UNIX._replace(state=TcpState.LISTEN), {"ack_backlog": 3}),
    (UNIX._replace(state=TcpState.ESTABLISHED), {"ack_backlog": 3}),
    (SUBFLOW, {"subflow_ack_backlog": 3}),
    (SUBFLOW._replace(subflow_state=TcpState.ESTABLISHED), {"subflow_state": TcpState.CLOSE_WAIT}),
    (SUBFLOW._replace(subflow_state=TcpState.ESTABLISHED), {"subflow_state": TcpState.CLOSE, "subflow_local_port": 0}),
    (VSOCK_CONNECTING, {"state": TcpState.ESTABLISHED, "socket_state": SocketState.CONNECTED}),
]
"""Sockets, and what their peers may have moved until somebody else looked. A 7.3 guest: FIN_WAIT2 became FIN_WAIT1."""
NOT_MOVED: list[tuple[Socket, dict[str, int]]] = [
    (LISTENING, {"state": TcpState.CLOSE}),
    (CONNECTED, {"state": TcpState.LISTEN}),
    (CLOSED, {"ack_backlog": 3}),
    (CLOSED, {"local_port": 8081}),
    (LISTENING, {"bound": 0}),
    (LISTENING, {"max_ack_backlog": 3}),
    (CONNECTED, {"max_ack_backlog": 3}),
    (CONNECTED, {"socket_state": SocketState.UNCONNECTED}),
    (SUBFLOW, {"subflow_state": TcpState.CLOSE}),
    (SUBFLOW, {"subflow_state": 0}),
    (SUBFLOW, {"subflow_max_ack_backlog": 3}),
    (SUBFLOW, {"subflow_local_port": 0}),
    (SUBFLOW, {"source_port": 9}),
    (MPTCP._replace(subflow_state=TcpState.CLOSE), {"subflow_ack_backlog": 3}),
    (MPTCP._replace(subflow_state=TcpState.CLOSE), {"subflow_state": 0}),
]
MOMENTS = ["pre", "post"]


def two_looks(sock: Socket, changes: dict[str, int], moment: str) -> tuple[ListenCall, ListenCall]:
    """Two records of a call, in one of which the socket has these changes at that moment."""
    call, changed = record()._replace(pre=sock, post=sock), sock._replace(**changes)
    return call, call._replace(pre=changed) if moment == "pre" else call._replace(post=changed)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("sock", "changes"), MOVED)
def test_what_the_peer_moves_between_two_looks_is_no_difference(
    sock: Socket, changes: dict[str, int], moment: str
) -> None:
    ours, theirs = two_looks(sock, changes, moment)
    assert list(unequal(ours, theirs)) == list(unequal(theirs, ours)) == []


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("sock", "changes"), NOT_MOVED)
def test_what_no_peer_moves_is_a_difference(sock: Socket, changes: dict[str, int], moment: str) -> None:
    ours, theirs = two_looks(sock, changes, moment)
    for call, other in ((ours, theirs), (theirs, ours)):
        assert [d.field for d in unequal(call, other)] == list(changes)


@pytest.mark.parametrize("index", StageIndex)
def test_a_connection_may_arrive_at_a_listener_between_two_looks_at_a_stage(index: StageIndex) -> None:
    """Not where it is LISTEN and nobody can find it yet: in inet_hash() and on the way back to CLOSE."""
    for state in (TcpState.LISTEN, TcpState.CLOSE):
        seen = StageRecord(0, 511, 0, state, SocketState.UNCONNECTED)
        call = record()._replace(hooks=1 << index, stages={index: seen})
        other = call._replace(stages={index: seen._replace(ack_backlog=1)})
        arrived = state == TcpState.LISTEN and index not in (StageIndex.HASH, StageIndex.STATE_CLOSE)
        assert [d.field for d in unequal(call, other)] == ([] if arrived else ["ack_backlog"])
        moved = call._replace(stages={index: seen._replace(state=TcpState.FIN_WAIT1)})
        assert [d.field for d in unequal(call, moved)] == ([] if state == TcpState.CLOSE else ["state"])


def test_a_thread_that_ends_between_two_looks_shares_the_table_no_more() -> None:
    """A thread that was joined shares it for a moment more: exit_mm() comes before exit_files() in do_exit()."""
    call = record()
    shared = call._replace(flags=call.flags | Flag.SHARED_TABLE)
    assert list(unequal(call, shared)) == list(unequal(shared, call)) == []
    (difference,) = unequal(call, shared._replace(flags=shared.flags & ~Flag.RETURNED))
    assert difference.field == "flags"


def test_a_somaxconn_that_moves_may_be_read_differently() -> None:
    call = record()
    read = call.environment._replace(somaxconn=64)
    for other in (call._replace(environment=read), call._replace(somaxconn_after=64)):
        assert len(list(unequal(call, other))) == len(list(unequal(other, call))) == 1
        moving = other._replace(flags=other.flags | Flag.SOMAXCONN_MOVES)
        assert list(unequal(call, moving)) == list(unequal(moving, call)) == []
    fast_open = moving._replace(environment=read._replace(fastopen=9))
    assert [d.field for d in unequal(call, fast_open)] == ["fastopen"]


def test_a_record_that_is_not_the_same_disagrees_and_is_counted() -> None:
    call = record()
    other = call._replace(socket_cookie=call.socket_cookie + 1)
    good, bad = result_of(by_tracepoint(call), call), result_of(by_tracepoint(call), other, "bad")
    assert good.kind is VerdictKind.AGREE
    assert bad.kind is VerdictKind.DISAGREE
    both = runs((AGREED, good), (AGREED, bad))
    assert both[1].equality == ("core kprobe", 1, 1)
    assert [each.exit_status() for each in both] == [0, 1]
    text = report(both)
    assert "bad, call 1: DISAGREE: socket_cookie against the first engine" in text
    assert "Equal to what core kprobe saw of the same calls: 1 records, 1 records differ" in text


def test_a_program_that_either_engine_skipped_excuses_a_stage_but_no_wrong_prediction() -> None:
    call = record()
    other = call._replace(stages={i: s for i, s in call.stages.items() if i != StageIndex.HASH})
    for skipped, kind in ((0, VerdictKind.DISAGREE), (1, VerdictKind.AGREE)):
        judged = judge_pair((issued(), call), LINUX_7_3, 0, OtherRecord(other, skipped))
        assert judged.verdict.kind is kind
    assert judge_pair((issued(), other), LINUX_7_3, 0, OtherRecord(call, 1)).verdict.kind is VerdictKind.DISAGREE


def test_a_return_that_a_kretprobe_missed_took_place_all_the_same() -> None:
    call = record()
    for index in (
        StageIndex.SECURITY_RETURN, StageIndex.LISTEN_START_RETURN, StageIndex.INET_LISTEN_RETURN
    ):  # fmt: skip
        other = call._replace(stages={i: s for i, s in call.stages.items() if i != index})
        assert not list(unequal(call, other))
        assert not list(unequal(other, call))
        assert judge_pair((issued(), other), LINUX_7_3).verdict.kind is VerdictKind.INCONCLUSIVE
        wrong = other._replace(result=-98)
        assert judge_pair((issued()._replace(error=98), wrong), LINUX_7_3).verdict.kind is VerdictKind.DISAGREE
        entries = (index - 1, index - 4, index - 6, index - 7)
        never = other._replace(stages={i: s for i, s in other.stages.items() if i not in entries})
        assert f"{index.label} against the first engine" in [difference_name(d) for d in unequal(call, never)]
        assert judge_pair((issued(), never), LINUX_7_3).verdict.kind is VerdictKind.DISAGREE


def test_the_exit_status_is_that_of_the_worst_engine() -> None:
    good, lossy, bad = run("kprobe", AGREED), run("fentry", AGREED, lost=1), run("x", DISAGREED)
    assert worst(each.exit_status() for each in (good,)) == 0
    assert worst(each.exit_status() for each in (good, lossy,)) == 4
    assert worst(each.exit_status() for each in (lossy, bad, good,)) == 1


def test_json_says_for_each_engine_what_was_predicted_and_how_the_records_compare() -> None:
    call = record()._replace(address=b"\x7f\0\0\1")
    both = result_of(by_tracepoint(call), call)
    (line,) = call_lines(SETTING._replace(mode="tracepoint"), both)
    assert (line["scenario"], line["engine"], line["attach"]) == ("both", "core", "tracepoint")
    assert line["predicted"]["max_ack_backlog"] == line["stored"]
    assert line["predicted"]["state"] == "LISTEN"
    assert line["predicted"]["stages"]["hash"]["state"] == "LISTEN"
    (lost,) = call_lines(SETTING, DISAGREED)
    assert lost["verdict"] == "DISAGREE"
    assert "predicted" not in lost
    lines = json.loads(json.dumps(list(map(summary_line, runs((AGREED, both))))))
    first, second = (line["summary"] for line in lines)
    assert first["equality"] is None
    assert second["equality"] == {"against": "core kprobe", "equal": 1, "different": 0}
    json.dumps([line, lost])


def test_ktap_has_a_subtest_for_each_engine() -> None:
    text = ktap([run("kprobe", AGREED), run("tracepoint", DISAGREED)])
    lines = text.splitlines()
    assert lines[:5] == [
        "KTAP version 1", "1..2", "  # Subtest: core-kprobe", "  KTAP version 1", "  1..1",
    ]  # fmt: skip
    assert "ok 1 core-kprobe" in lines
    assert lines[-1] == "not ok 2 core-tracepoint"
