"""What ``--fail-on`` says: which calls, in bounded memory, and nothing that steers a terminal."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable

import pytest

from listenwatch.call.record import ListenCall
from listenwatch.report.failures import MOST, Failures
from listenwatch.session.source import Missing
from listenwatch.verdict.compare import judge
from listenwatch.verdict.condition import Condition
from listenwatch.verdict.summary import Summary
from tests.helpers.calls import BEHAVIOUR, HOSTILE, call, disagreeing, refused, unreturned
from tests.helpers.make import UNIX

CLAMPED = call(backlog=511, somaxconn=128, comm=b"redis-server", pid=123, address=b"\0\0\0\0")


def failures(calls: Iterable[ListenCall], *conditions: Condition, lost: int = 0) -> Failures:
    sink = Failures(conditions)
    for each in calls:
        sink.call(each, judge(each, BEHAVIOUR))
    sink.end(Summary(1, 0, 0, 0, lost), Missing(0))
    return sink


def test_a_call_counts_as_often_as_it_was_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert failures([CLAMPED._replace(repeats=1000), CLAMPED], Condition.CLAMPED)
    assert capsys.readouterr().err.splitlines()[-1] == "listenwatch: clamped: 999 more, 1001 in all"


@pytest.mark.parametrize(
    ("each", "condition", "text"),
    [
        (CLAMPED, Condition.CLAMPED, "clamped: redis-server[123] asked 511, stored 128 (0.0.0.0:8080)"),
        (call(UNIX, -1), Condition.CLAMPED, "clamped: nginx[4242] asked -1, stored 4096 (/run/x.sock)"),
        (refused(), Condition.FAILED, "failed: sh[7] EBADF: the descriptor is not open, or opened with O_PATH"),
        (refused()._replace(result=-1), Condition.FAILED, "failed: sh[7] EPERM"),
        (
            disagreeing(), Condition.DISAGREE,
            "disagree: nginx[4242] max_ack_backlog at return: predicted 511, observed 512 (127.0.0.1:8080)",
        ),
        (unreturned(), Condition.INCONCLUSIVE, "inconclusive: nginx[4242] the call's return was not seen"),
        (
            call()._replace(pre=call().pre._replace(family=30)), Condition.UNMODELLED,
            "unmodelled: nginx[4242] no model of ",
        ),
    ],
)  # fmt: skip
def test_each_condition_names_its_call(
    each: ListenCall, condition: Condition, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failures([call(), each], condition)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"listenwatch: {text}")
    others = set(Condition) - {condition}
    if condition is Condition.FAILED and each.result == -1:
        others.remove(Condition.DISAGREE)  # nobody refused it, as far as the model knows
    assert not failures([call(), each], *others)
    assert capsys.readouterr().err == ""


def test_the_first_few_and_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    failures([CLAMPED._replace(pid=pid) for pid in range(12)] + [refused()], Condition.CLAMPED, Condition.FAILED)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[2] for line in lines[:MOST]] == [f"redis-server[{pid}]" for pid in range(MOST)]
    assert lines[MOST] == "listenwatch: clamped: 7 more, 12 in all"
    assert lines[MOST + 1].startswith("listenwatch: failed: sh[7]")
    assert len(lines) == MOST + 2


def test_lost_calls_have_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert failures([call()], Condition.LOST, lost=3)
    assert capsys.readouterr().err == "listenwatch: lost: 3 without a record\n"
    assert not failures([call()], Condition.CLAMPED, lost=3)
    assert not failures([call()], Condition.LOST)


def test_a_hostile_name_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    failures([call(UNIX, -1, comm=HOSTILE, address=HOSTILE)], Condition.CLAMPED)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()


def test_memory_does_not_grow_with_the_calls() -> None:
    def held(number: int) -> int:
        verdict = judge(CLAMPED, BEHAVIOUR)
        sink = Failures([Condition.CLAMPED])
        tracemalloc.start()
        for _ in range(number):
            sink.call(CLAMPED, verdict)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return held

    held(10)
    assert min(held(2000) for _ in range(3)) < min(held(200) for _ in range(3)) + 4096
