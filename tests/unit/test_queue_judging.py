"""Measured traffic held against the model, without a kernel: what agrees, and what does not get by."""

from __future__ import annotations

from typing import Any

import pytest

from listenwatch.behaviours import override
from listenwatch.model.behaviour import LINUX_7_3, Behaviour
from listenwatch.model.inputs import Environment
from listenwatch.scenarios.journal import Issued, Measurement, read_report
from listenwatch.scenarios.judging import judge_pair
from listenwatch.scenarios.queues import expected, measure
from listenwatch.verdict import Kind
from tests.unit.test_layers import MODULES, imports
from tests.unit.test_scenarios import Pipe, issued, record

SYSCTLS = Environment(4096, 1024, 1, 1, 0)


def measured(what: str, load: int, seen: dict[str, Any], **changes: Any) -> Measurement:
    """A measurement of a listener with empty queues; ``record()`` has it listen with backlog 5."""
    told = Measurement(what, load, SYSCTLS, 0, 0, {**seen}, {})
    return told._replace(**changes)


FILLED = measured(
    measure.CONNECT,
    7,
    {"held": 6, "next": "DROPPED"},
    counters={"ListenOverflows": 1, "ListenDrops": 1},
)
FLOODED = measured(
    measure.SYN,
    8,
    {"SYN_ACK": 6, "COOKIE": 2, "DROPPED": 0},
    counters={"TCPReqQFullDoCookies": 2, "SyncookiesSent": 2},
)
ENDED = measured(
    measure.FINAL_ACK,
    3,
    {"QUEUED": 2, "IGNORED": 1, "RESET": 0},
    counters={"ListenOverflows": 1, "ListenDrops": 1},
    accept_queue=4,
)
ABORTED = ENDED._replace(
    environment=SYSCTLS._replace(abort_on_overflow=1),
    seen={"QUEUED": 2, "IGNORED": 0, "RESET": 1},
    counters={"ListenOverflows": 1, "ListenDrops": 1, "EmbryonicRsts": 1},
)
COOKIES = ENDED._replace(
    environment=ABORTED.environment,
    cookie=True,
    counters={"ListenOverflows": 1, "ListenDrops": 1, "SyncookiesRecv": 3},
)
UNIX = measured(measure.UNIX_CONNECT, 7, {"held": 6, "next": "EAGAIN"})
AGAIN = measured(measure.SYN_AGAIN, 1, {"QUEUED": 1}, counters=None, accept_queue=3)
STILL_FULL = measured(measure.SYN_AGAIN, 1, {"QUEUED": 0}, counters=None, accept_queue=6)
DRAINED = measured(measure.ACCEPT, 9, {"accepted": 9}, counters=None, accept_queue=9)
ENDED_ALL = measured(measure.SHUTDOWN, 1, {"RESET": 4}, counters=None, accept_queue=4)

RIGHT = (
    FILLED, FLOODED, ENDED, ABORTED, COOKIES, UNIX, AGAIN, STILL_FULL, DRAINED, ENDED_ALL,
)  # fmt: skip


def judged(*what: Measurement, behaviour: Behaviour = LINUX_7_3) -> Any:
    """The verdict on a listen(5) that was followed by this."""
    return judge_pair((issued()._replace(measured=what), record()), behaviour).verdict


@pytest.mark.parametrize("one", RIGHT, ids=lambda one: f"{one.what}-{one.seen}")
def test_what_the_model_says_agrees(one: Measurement) -> None:
    verdict = judged(one)
    assert verdict.kind is Kind.AGREE, verdict.reason
    assert f"{one.load} × {one.what} as predicted" in verdict.reason


@pytest.mark.parametrize("one", RIGHT, ids=lambda one: f"{one.what}-{one.seen}")
def test_nothing_else_agrees(one: Measurement) -> None:
    """Each thing seen, and each counter, changed by one."""
    for name, value in one.seen.items():
        wrong = "IGNORED" if isinstance(value, str) else value + 1
        assert judged(one._replace(seen={**one.seen, name: wrong})).kind is Kind.DISAGREE
    if one.counters is None:
        return
    for name in ("ListenOverflows", "EmbryonicRsts"):
        more = {**one.counters, name: one.counters.get(name, 0) + 1}
        assert judged(one._replace(counters=more)).kind is Kind.DISAGREE


def test_a_disagreement_has_both_numbers_and_the_rule() -> None:
    verdict = judged(FILLED._replace(seen={"held": 5, "next": "DROPPED"}))
    assert verdict.reason == "7 × connect(): held (syn-accept-queue-full): predicted 6, observed 5"
    assert [d.field for d in verdict.differences] == ["7 × connect(): held (syn-accept-queue-full)"]


def test_more_than_fits_stays_after_a_smaller_listen() -> None:
    full = FILLED._replace(load=1, accept_queue=20, seen={"held": 20, "next": "DROPPED"})
    assert judged(full).kind is Kind.AGREE


def test_the_last_quarter_is_judged() -> None:
    strangers = measured(
        measure.SYN,
        4,
        {"SYN_ACK": 4, "COOKIE": 0, "DROPPED": 0},
        environment=SYSCTLS._replace(syncookies=0, max_syn_backlog=4),
    )
    assert judged(strangers).kind is Kind.AGREE
    fewer = strangers._replace(syn_queue=1)
    assert judged(fewer).kind is Kind.DISAGREE
    assert judged(fewer._replace(proven=True)).kind is Kind.AGREE


def test_what_the_behaviour_does_not_know_is_not_held_against_the_kernel() -> None:
    unknown = override(LINUX_7_3, ["syn_queue_full_above_limit=unknown"])
    for queue in (FLOODED, FLOODED._replace(seen={"SYN_ACK": 5, "COOKIE": 3, "DROPPED": 0})):
        assert judged(queue, behaviour=unknown).kind is Kind.AGREE


@pytest.mark.parametrize(
    ("change", "one"),
    [
        ("syn_queue_full_above_limit=false", FLOODED),
        ("syn_queue=table_by_backlog", FLOODED),
        ("syn_floods_counted=false", FLOODED),
        ("syn_drops_counted=false", FILLED),
        ("full_acceptq_drops_every_syn=false", FILLED),
        ("max_ack_backlog_bits=2", ENDED),
    ],
)
def test_a_wrong_behaviour_is_found(change: str, one: Measurement) -> None:
    assert judged(one, behaviour=override(LINUX_7_3, [change])).kind is Kind.DISAGREE


def test_a_call_that_has_no_outcome_has_nothing_to_measure_against() -> None:
    assert expected.compare([FILLED], None, LINUX_7_3) == expected.Checked()


# -- the way from the scenario's process


def test_measurements_go_with_the_latest_call_on_their_descriptor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipe = Pipe()
    journal = pipe.journal(monkeypatch)
    calls = [issued(fd=3), issued(fd=4), issued(fd=3)]
    journal.issued(calls[0])
    journal.measured(3, FILLED)
    journal.issued(calls[1])
    journal.measured(3, FLOODED)
    journal.issued(calls[2])
    journal.measured(3, UNIX)
    journal.measured(4, AGAIN)
    told: list[Issued] = [*read_report(pipe).issued]
    assert [call.measured for call in told] == [(FILLED, FLOODED), (AGAIN,), (UNIX,)]
    assert [call._replace(measured=()) for call in told] == calls


def test_every_kind_of_measurement_has_an_expectation() -> None:
    kinds = {one.what for one in RIGHT}
    assert kinds == set(expected.EXPECT)


def test_no_scenario_can_see_what_is_expected() -> None:
    """Only ``expected`` asks the model; the scenarios know the names of its answers, no more."""
    ours = {name: path for name, path in MODULES.items() if ".scenarios.queues" in name}
    asking = {"listenwatch.model.queues", "listenwatch.model.syn_queue", expected.__name__}
    assert len(ours) > 10
    for name, path in ours.items():
        if name != expected.__name__:
            assert not imports(path) & asking, name
