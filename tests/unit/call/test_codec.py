"""A call becomes a JSON line and the same call again; the keys are those documented."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.call.codec import call_from_json
from listenwatch.call.record import ListenCall
from listenwatch.linux.cgroup_owner import Pod
from listenwatch.model.inputs import Bound, TcpState
from listenwatch.model.stages import StageIndex
from listenwatch.report.call_json import judged_to_json
from listenwatch.verdict.compare import Verdict, VerdictKind, judge
from listenwatch.verdict.difference import Difference, Field, Where, Witness
from tests.helpers.calls import BEHAVIOUR, HOSTILE, SAMPLES, call, calls, comms, refused, unreturned
from tests.helpers.make import TCP6, UNIX, VSOCK_STREAM

VERDICT = Verdict(VerdictKind.AGREE, "listens", "kept")
DOCUMENTED = """schema time duration_ns pid tid uid comm door family type protocol local port fd asked somaxconn
stored result errno verdict rule backlog_rule excuse reason differences moved environment somaxconn_after pre stages post watched
flags address netns netns_cookie socket_cookie cgroup_id unit container pod repeats"""
DOCUMENTED_OF_A_SOCKET = """max_ack_backlog ack_backlog subflow_max_ack_backlog subflow_ack_backlog family type
protocol local_port state socket_state bound reuse reuseport ulp subflow_state
subflow_local_port source_port"""
KEYS, SOCKET_KEYS = DOCUMENTED.split(), DOCUMENTED_OF_A_SOCKET.split()


def through_json(each: ListenCall, verdict: Verdict = VERDICT) -> dict[str, Any]:
    """The line as a reader gets it; strict JSON, in ASCII."""
    text = json.dumps(judged_to_json(each, verdict), allow_nan=False)
    assert text.isascii() and text.isprintable()
    line: dict[str, Any] = json.loads(text)
    return line


@given(calls())
def test_round_trip(each: ListenCall) -> None:
    assert call_from_json(through_json(each)) == each


@given(comms, st.binary(max_size=108))
def test_a_hostile_name_and_path_come_back(comm: bytes, path: bytes) -> None:
    each = call(UNIX, comm=comm, address=path)
    again = call_from_json(through_json(each))
    assert (again.comm, again.address) == (comm, path)


@given(comms, comms)
def test_two_names_are_never_one_text(one: bytes, other: bytes) -> None:
    texts = [through_json(call(comm=comm))["comm"] for comm in (one, other)]
    assert (texts[0] == texts[1]) == (one == other)


@given(calls())
def test_keys_are_the_documented_ones(each: ListenCall) -> None:
    line = through_json(each)
    assert set(line) == set(KEYS) and len(KEYS) == len(line)
    for where in ("pre", "post"):
        assert line[where] is None or list(line[where]) == SOCKET_KEYS


def test_one_line_word_for_word() -> None:
    each = call(TCP6, -1, somaxconn=128, address=bytes(15) + b"\1")
    line = through_json(each, judge(each, BEHAVIOUR))
    del line["time"]
    stages = line.pop("stages")
    assert stages["inet_listen"] == {
        "value": 128,
        "max_ack_backlog": 0,
        "ack_backlog": 0,
        "state": "CLOSE",
        "socket_state": "UNCONNECTED",
    }
    assert line.pop("watched") == [
        "security",
        "security_return",
        "inet_listen",
        "inet_listen_sk",
        "listen_start",
        "state_listen",
        "hash",
        "state_close",
        "listen_start_return",
        "inet_listen_return",
    ]
    pre = line.pop("pre")
    assert line.pop("post") == pre | {"state": "LISTEN", "max_ack_backlog": 128}
    reason = (
        "a negative number counts as huge: clamped by net.core.somaxconn"
    )
    assert line == {
        "schema": "listenwatch/call/3",
        "duration_ns": 1,
        "pid": 4242,
        "tid": 4242,
        "uid": 0,
        "comm": "nginx",
        "door": "syscall",
        "family": "inet6",
        "type": "stream",
        "protocol": "tcp6",
        "local": "[::1]:8080",
        "port": 8080,
        "fd": 3,
        "asked": -1,
        "somaxconn": 128,
        "stored": 128,
        "result": 0,
        "errno": None,
        "verdict": "AGREE",
        "rule": "listens",
        "backlog_rule": "negative",
        "excuse": None,
        "reason": f"asked -1, stored 128: {reason}",
        "differences": [],
        "moved": [],
        "somaxconn_after": 128,
        "environment": {
            "somaxconn": 128,
            "max_syn_backlog": 1024,
            "syncookies": 1,
            "fastopen": 1,
            "abort_on_overflow": 0,
        },
        "flags": ["file", "socket", "returned"],
        "address": "00000000000000000000000000000001",
        "netns": 1,
        "netns_cookie": 1,
        "socket_cookie": 1,
        "cgroup_id": 1,
        "unit": None,
        "container": None,
        "pod": None,
        "repeats": 1,
    }


def test_a_line_without_a_later_key_is_read() -> None:
    """Recordings of wire version 1 have no somaxconn of the return: nothing moved, as far as they know."""
    each = call(somaxconn=128)
    line = through_json(each)
    del line["somaxconn_after"]
    assert call_from_json(line) == each
    del line["environment"]
    with pytest.raises(ValueError, match="missing: 'environment'"):
        call_from_json(line)


@given(calls())
def test_a_recording_from_before_units_were_looked_for(each: ListenCall) -> None:
    line = through_json(each)
    for key in ("unit", "container", "pod", "repeats"):
        del line[key]
    assert call_from_json(line) == each._replace(unit=None, container=None, pod=None, repeats=1)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("unit", 3, "not a text: 3 @ $.unit"),
        ("container", "web", "@ $.container"),
        ("container", {"runtime": "podman"}, "missing: 'id' @ $.container"),
        ("container", {"runtime": 1, "id": "x", "name": None}, "not a text: 1 @ $.container.runtime"),
        ("pod", {"id": None, "name": None}, "not a text: None @ $.pod.id"),
        ("pod", {"id": "x", "name": None, "z": 1}, "not a key: z @ $.pod"),
    ],
)
def test_a_damaged_owner_is_refused(key: str, value: object, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        call_from_json({**through_json(call()), key: value})


def test_what_was_not_seen_is_null_not_zero() -> None:
    line = through_json(refused())
    unseen = ("family", "type", "protocol", "local", "somaxconn", "stored", "pre", "post")
    assert [line[key] for key in unseen] == [None] * len(unseen)
    assert (line["result"], line["errno"]) == (-9, "EBADF")
    line = through_json(unreturned())
    assert (line["result"], line["errno"], line["stored"]) == (None, None, None)


def test_differences_are_objects() -> None:
    differences = (
        Difference(Where.POST, Field.STATE, TcpState.LISTEN, TcpState.CLOSE),
        Difference(StageIndex.HASH, Field.VALUE, 1, 2, Witness.ENGINE),
    )
    verdict = VERDICT._replace(kind=VerdictKind.DISAGREE, differences=differences)
    assert through_json(call(), verdict)["differences"] == [
        {"place": "post", "field": "state", "predicted": "LISTEN", "observed": "CLOSE"},
        {"place": "hash", "field": "value", "predicted": 1, "observed": 2, "witness": "the first engine"},
    ]


def test_times_sort_as_text_and_keep_nanoseconds() -> None:
    one, two = (through_json(call()._replace(time_ns=ns))["time"] for ns in (10**9, 10**9 + 1))
    assert one < two
    assert call_from_json(through_json(call()._replace(time_ns=12345))).time_ns == 12345


WRONG: tuple[tuple[str, object], ...] = (
    ("time", "yesterday"),
    ("time", "9999-12-31T23:59:59.99999999999999999999Z"),
    ("time", "0001-01-01T00:00:00.000000000Z"),
    ("time", "2026-13-01T00:00:00.000000000Z"),
    ("time", 5),
    ("pid", -1),
    ("pid", 1.5),
    ("pid", True),
    ("pid", 2**32),
    ("pid", None),
    ("asked", 2**31),
    ("result", "0"),
    ("comm", 5),
    ("comm", "\udcff"),
    ("door", "window"),
    ("door", None),
    ("flags", ["loud"]),
    ("watched", ["nothing"]),
    ("address", "zz"),
    ("address", "7f0000"),
    ("address", None),
    ("environment", {}),
    ("environment", None),
    ("pre", []),
    ("pre", {}),
    ("stages", {"inet_listen": {}}),
    ("stages", {"nowhere": {}}),
    ("stages", None),
    ("repeats", 0),
    ("repeats", 2**64),
    ("repeats", None),
)


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_what_no_kernel_sends_is_refused(key: str, value: object) -> None:
    line = through_json(call()) | {key: value}
    with pytest.raises(ValueError, match=rf" @ \$\.{key}\b"):
        call_from_json(line)


@pytest.mark.parametrize("key", sorted(set(KEYS) - {"schema"}))
def test_a_missing_key_is_an_error_or_not_needed(key: str) -> None:
    line = through_json(call())
    del line[key]
    derived = (
        "excuse family type protocol local port somaxconn stored errno verdict rule backlog_rule excuse reason "
        "differences moved somaxconn_after unit container pod repeats"
    )
    if key in derived.split():
        assert call_from_json(line) == call()
    else:
        with pytest.raises(ValueError, match=rf"^missing: '{key}' @ \$\.{key}$"):
            call_from_json(line)


def test_an_old_recording_has_fewer_ports_and_no_address_of_a_vsock_socket() -> None:
    line = through_json(call(VSOCK_STREAM._replace(bound=Bound.NO), address=b""))
    for where in ("pre", "post"):
        del line[where]["subflow_local_port"], line[where]["source_port"]
    old = call_from_json(line)
    for sock in (old.pre, old.post):
        assert (sock.subflow_local_port, sock.source_port, sock.bound) == (None, None, Bound.UNKNOWN)
    assert call_from_json(through_json(old)) == old


def test_a_flag_named_twice_counts_once() -> None:
    line = through_json(call())
    line["flags"] += line["flags"]
    line["watched"] += line["watched"]
    assert call_from_json(line) == call()


def test_samples_hold_every_kind_of_line() -> None:
    assert {judge(each, BEHAVIOUR).kind for each in SAMPLES} >= {
        VerdictKind.AGREE,
        VerdictKind.DISAGREE,
        VerdictKind.INCONCLUSIVE,
    }
    assert len(HOSTILE) <= 15


def test_a_pod_of_an_older_recording_has_no_namespace() -> None:
    line = through_json(call()._replace(pod=Pod("uid", "web", "shop")))
    assert line["pod"].pop("namespace") == "shop"
    assert call_from_json(line).pod == Pod("uid", "web")
