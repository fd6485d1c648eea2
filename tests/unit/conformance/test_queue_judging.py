"""Measured traffic held against the model, without a kernel: what agrees, and what does not get by."""

from __future__ import annotations

from typing import Any

import pytest

from listenwatch.commands.behaviour_option import override
from listenwatch.conformance.harness.journal import Issued, Measurement, read_report
from listenwatch.conformance.harness.judging import Judged, judge_pair
from listenwatch.conformance.traffic import expected, measure
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import Environment
from listenwatch.report.judged import judged_reason
from listenwatch.verdict.compare import VerdictKind
from listenwatch.verdict.difference import Difference, Traffic
from tests.helpers.eras import LINUX_7_3
from tests.helpers.imports import MODULES, imports
from tests.helpers.scenarios import Pipe, issued, record

SYSCTLS = Environment(somaxconn=4096, max_syn_backlog=1024, syncookies=1, fastopen=1, abort_on_overflow=0)


def measured(what: str, load: int, seen: dict[str, Any], **changes: Any) -> Measurement:
    """A measurement of a listener with empty queues; ``record()`` has it listen with backlog 5."""
    measurement = Measurement(what, load, SYSCTLS, 0, 0, {**seen}, {})
    return measurement._replace(**changes)


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
NEW_NETNS = measured(
    measure.SOMAXCONN, 3, {"at first": 4096, "tcp_syncookies": 1, "-1": -22, "65536": 0, "0": 0}, counters=None,
    environment=SYSCTLS._replace(somaxconn=77),
)  # fmt: skip
FAST = measured(
    measure.FASTOPEN, 1, {"limit": 5}, counters=None, environment=SYSCTLS._replace(fastopen=0x403)
)
DRAINED = measured(measure.ACCEPT, 9, {"accepted": 9}, counters=None, accept_queue=9)
ENDED_ALL = measured(measure.SHUTDOWN, 1, {"RESET": 4}, counters=None, accept_queue=4)

RIGHT = (
    FILLED, FLOODED, ENDED, ABORTED, COOKIES, UNIX, AGAIN, STILL_FULL, DRAINED, ENDED_ALL, NEW_NETNS, FAST,
)  # fmt: skip


def judged(*what: Measurement, behaviour: Behaviour = LINUX_7_3) -> Any:
    """The verdict on a listen(5) that was followed by this."""
    return pair_judged(*what, behaviour=behaviour).verdict


def pair_judged(*what: Measurement, behaviour: Behaviour = LINUX_7_3) -> Judged:
    """The whole of it."""
    return judge_pair((issued()._replace(measured=what), record()), behaviour)


@pytest.mark.parametrize("measurement", RIGHT, ids=lambda measurement: f"{measurement.what}-{measurement.seen}")
def test_what_the_model_says_agrees(measurement: Measurement) -> None:
    result = pair_judged(measurement)
    assert result.verdict.kind is VerdictKind.AGREE, judged_reason(result)
    assert [measurement for measurement, _ in result.confirmed] == [measurement]
    assert f"{measurement.load} × {measurement.what} as predicted" in judged_reason(result)


@pytest.mark.parametrize("measurement", RIGHT, ids=lambda measurement: f"{measurement.what}-{measurement.seen}")
def test_nothing_else_agrees(measurement: Measurement) -> None:
    """Each thing seen, and each counter, changed by one."""
    for name, value in measurement.seen.items():
        wrong = "IGNORED" if isinstance(value, str) else value + 1
        assert judged(measurement._replace(seen={**measurement.seen, name: wrong})).kind is VerdictKind.DISAGREE
    if measurement.counters is None:
        return
    for name in ("ListenOverflows", "EmbryonicRsts"):
        more = {**measurement.counters, name: measurement.counters.get(name, 0) + 1}
        assert judged(measurement._replace(counters=more)).kind is VerdictKind.DISAGREE


def test_a_disagreement_has_both_numbers_and_the_rule() -> None:
    result = pair_judged(FILLED._replace(seen={"held": 5, "next": "DROPPED"}))
    text = "7 × connect(): held (syn-accept-queue-full): predicted 6, observed 5"
    assert judged_reason(result) == text
    place = Traffic(7, "connect()", ("syn-accept-queue-full",))
    assert result.verdict.differences == (Difference(place, "held", 6, 5),)


def test_more_than_fits_stays_after_a_smaller_listen() -> None:
    full = FILLED._replace(load=1, accept_queue=20, seen={"held": 20, "next": "DROPPED"})
    assert judged(full).kind is VerdictKind.AGREE


def test_the_last_quarter_is_judged() -> None:
    strangers = measured(
        measure.SYN,
        4,
        {"SYN_ACK": 4, "COOKIE": 0, "DROPPED": 0},
        environment=SYSCTLS._replace(syncookies=0, max_syn_backlog=4),
    )
    assert judged(strangers).kind is VerdictKind.AGREE
    fewer = strangers._replace(syn_queue=1)
    assert judged(fewer).kind is VerdictKind.DISAGREE
    assert judged(fewer._replace(proven=True)).kind is VerdictKind.AGREE


def test_what_the_behaviour_does_not_know_is_not_held_against_the_kernel() -> None:
    unknown = override(LINUX_7_3, ["syn_queue_full_above_limit=unknown"])
    for queue in (FLOODED, FLOODED._replace(seen={"SYN_ACK": 5, "COOKIE": 3, "DROPPED": 0})):
        assert judged(queue, behaviour=unknown).kind is VerdictKind.AGREE


@pytest.mark.parametrize(
    ("change", "measurement"),
    [
        ("syn_queue_full_above_limit=false", FLOODED),
        ("syn_queue=table_by_backlog", FLOODED),
        ("syn_floods_counted=false", FLOODED),
        ("syn_drops_counted=false", FILLED),
        ("full_acceptq_drops_every_syn=false", FILLED),
        ("max_ack_backlog_bits=2", ENDED),
    ],
)
def test_a_wrong_behaviour_is_found(change: str, measurement: Measurement) -> None:
    assert judged(measurement, behaviour=override(LINUX_7_3, [change])).kind is VerdictKind.DISAGREE


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
    measurement: list[Issued] = [*read_report(pipe).issued]
    assert [call.measured for call in measurement] == [(FILLED, FLOODED), (AGAIN,), (UNIX,)]
    assert [call._replace(measured=()) for call in measurement] == calls


def test_every_kind_of_measurement_has_an_expectation() -> None:
    kinds = {measurement.what for measurement in RIGHT}
    assert kinds == set(expected.EXPECT)


def test_no_scenario_can_see_what_is_expected() -> None:
    """Only ``expected`` asks the model; the scenarios know the names of its answers, no more."""
    ours = {name: path for name, path in MODULES.items() if ".conformance.traffic" in name or ".conformance.cases" in name}
    asking = {"listenwatch.model.tcp_input", "listenwatch.model.request_sock", expected.__name__}
    assert len(ours) > 10
    for name, path in ours.items():
        if name != expected.__name__:
            assert not imports(path) & asking, name


def test_a_wrong_model_of_listen_is_told_with_the_traffic_that_went_as_predicted() -> None:
    call = record()
    other = call._replace(stages={n: s._replace(state=7) if n == 6 else s for n, s in call.stages.items()})
    pair = judge_pair((issued()._replace(measured=(FILLED,)), other), LINUX_7_3)
    assert pair.verdict.kind is VerdictKind.DISAGREE
    text = judged_reason(pair)
    assert text.startswith("inet_hash state: predicted LISTEN, observed CLOSE; 7 × connect() as predicted: ")
