"""Calls as JSON lines and back: what ``--json`` prints and ``-o`` records. Schema 1; keys are stable."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any

from listenwatch.model.inputs import Door, Environment, Family, Socket, SocketState, TcpState
from listenwatch.model.run import Outcome
from listenwatch.model.stages import StageIndex
from listenwatch.names import family_name, local_address, protocol_name, type_name
from listenwatch.reasons import errno_text
from listenwatch.record import Flag, ListenCall, Stage, door_name
from listenwatch.verdict import Verdict

SCHEMA = 1

# The probe stamps CLOCK_MONOTONIC; a line carries the time of day.
_CLOCK_OFFSET_NS = time.time_ns() - time.monotonic_ns()

_STATES: dict[int, str] = {int(s): s.name for s in TcpState}
_SOCKET_STATES: dict[int, str] = {int(s): s.name for s in SocketState}
_STATE_NUMBERS = {name: number for number, name in _STATES.items()}
_SOCKET_STATE_NUMBERS = {name: number for number, name in _SOCKET_STATES.items()}
_STAGE_NAMES = {int(index): index.name.lower() for index in StageIndex}
_STAGE_NUMBERS = {name: number for number, name in _STAGE_NAMES.items()}

# The widths of the wire (probes/listen.h), so that a damaged line cannot hold what no kernel sends.
_SOCKET_BITS = (32, 32, 32, 32, 16, 16, 16, 16, 8, 8, 8, 8, 8, 8, 8, 8)
_STAGE_BITS = (-32, 32, 32, 8, 8)
_ADDRESS_SIZES = {int(Family.INET): (4,), int(Family.INET6): (16,)}
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z", re.ASCII)


def call_to_json(call: ListenCall, verdict: Verdict) -> dict[str, Any]:
    """One call and its verdict as one JSON object."""
    sock = call.post if call.post.seen else call.pre
    kind = (sock.family, sock.type, sock.protocol)
    returned = bool(call.flags & Flag.RETURNED)
    return {
        "schema": SCHEMA,
        "time": _time_text(call.time_ns),
        "duration_ns": call.duration_ns,
        "pid": call.pid,
        "tid": call.tid,
        "uid": call.uid,
        "comm": _text_of(call.comm),
        "door": door_name(call.door),
        "family": family_name(sock.family) if sock.seen else None,
        "type": type_name(sock.type) if sock.seen else None,
        "protocol": protocol_name(*kind) if sock.seen else None,
        "local": local_address(call) or None,
        "fd": call.fd,
        "asked": call.asked,
        "somaxconn": call.environment.somaxconn if sock.seen else None,
        "stored": call.stored,
        "result": call.result if returned else None,
        "errno": errno_text(call.result) if returned and call.result else None,
        "verdict": verdict.kind.value,
        "rule": verdict.rule,
        "backlog_rule": verdict.backlog_rule,
        "reason": verdict.reason,
        "differences": [d._asdict() for d in verdict.differences],
        "environment": call.environment._asdict(),
        "pre": _socket_to_json(call.pre),
        "stages": {_STAGE_NAMES[i]: _stage_to_json(s) for i, s in call.stages.items()},
        "post": _socket_to_json(call.post),
        "watched": [name for index, name in _STAGE_NAMES.items() if call.hooks >> index & 1],
        "flags": [flag.name.lower() for flag in Flag if call.flags & flag],
        "address": call.address.hex(),
        "netns": call.netns_inode,
        "netns_cookie": call.netns_cookie,
        "socket_cookie": call.socket_cookie,
        "cgroup_id": call.cgroup_id,
    }


def outcome_to_json(outcome: Outcome | None) -> dict[str, Any] | None:
    """What the model said of a call: result, stages and the socket at the return; None where it said nothing."""
    if outcome is None:
        return None
    fields: dict[str, Any] = {"result": outcome.result}
    for owner, sock in (("", outcome.socket), ("subflow_", outcome.subflow)):
        fields[f"{owner}state"] = _STATES.get(sock.state, sock.state) if sock else None
        fields[f"{owner}max_ack_backlog"] = sock.max_ack_backlog if sock else None
    fields["stages"] = {
        _STAGE_NAMES[index]: {**stage._asdict(), "state": _STATES.get(stage.state, stage.state)}
        for index, stage in outcome.stages.items()
    }
    return fields


def call_from_json(line: dict[str, Any]) -> ListenCall:
    """The call in a line ``call_to_json`` made. KeyError, TypeError or ValueError if it is not one."""
    post = _socket_from_json(line["post"])
    return ListenCall(
        time_ns=_time_number(line["time"]),
        duration_ns=_integer(line["duration_ns"], 64),
        cgroup_id=_integer(line["cgroup_id"], 64),
        socket_cookie=_integer(line["socket_cookie"], 64),
        netns_cookie=_integer(line["netns_cookie"], 64),
        netns_inode=_integer(line["netns"], 32),
        pid=_integer(line["pid"], 32),
        tid=_integer(line["tid"], 32),
        uid=_integer(line["uid"], 32),
        comm=_bytes_of(line["comm"]),
        fd=_integer(line["fd"], -32),
        backlog=0 if line["asked"] is None else _integer(line["asked"], -32),
        result=0 if line["result"] is None else _integer(line["result"], -32),
        door=Door[line["door"].upper()],
        flags=sum(Flag[name] for name in {name.upper() for name in line["flags"]}),
        hooks=sum(1 << number for number in {_STAGE_NUMBERS[name] for name in line["watched"]}),
        environment=Environment(**{k: _integer(v, -32) for k, v in line["environment"].items()}),
        pre=_socket_from_json(line["pre"]),
        post=post,
        stages={_STAGE_NUMBERS[k]: _stage_from_json(v) for k, v in line["stages"].items()},
        address=_address(line["address"], post),
    )


def _integer(value: object, bits: int) -> int:
    """The number if it fits so many bits (negative: signed)."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"not a whole number: {value!r}")
    low, high = (0, 1 << bits) if bits > 0 else (-1 << -bits - 1, 1 << -bits - 1)
    if not low <= value < high:
        raise ValueError(f"out of range: {value}")
    return value


def _address(text: str, post: Socket) -> bytes:
    address = bytes.fromhex(text)
    sizes = _ADDRESS_SIZES.get(post.family if post.seen else 0, range(109))
    if len(address) not in sizes:
        raise ValueError(f"an address of {len(address)} bytes")
    return address


def _text_of(comm: bytes) -> str:
    r"""A name as text that holds every byte: what is not UTF-8 becomes ``\xNN``, a backslash two."""
    return comm.replace(b"\\", rb"\\").decode("utf-8", "backslashreplace")


def _bytes_of(text: str) -> bytes:
    """The bytes ``_text_of`` was given."""
    return re.sub(
        rb"\\(\\|x[0-9a-f]{2})",
        lambda found: b"\\" if found[1] == b"\\" else bytes([int(found[1][1:], 16)]),
        text.encode(),
    )


def _time_text(monotonic_ns: int) -> str:
    seconds, nanoseconds = divmod(monotonic_ns + _CLOCK_OFFSET_NS, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09}Z"


def _time_number(text: str) -> int:
    found = _TIME.fullmatch(text)
    if not found or text < "1970":
        raise ValueError(f"not a time: {text!r}")
    moment = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    return int(moment.timestamp()) * 10**9 + int(found[2]) - _CLOCK_OFFSET_NS


def time_of_day(call: ListenCall) -> str:
    """When the call began, in this machine's time zone: ``HH:MM:SS``."""
    seconds = (call.time_ns + _CLOCK_OFFSET_NS) // 10**9
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def _socket_to_json(sock: Socket) -> dict[str, Any] | None:
    if not sock.seen:
        return None
    fields: dict[str, Any] = sock._asdict()
    fields["state"] = _STATES.get(sock.state, sock.state)
    fields["socket_state"] = _SOCKET_STATES.get(sock.socket_state, sock.socket_state)
    fields["subflow_state"] = _STATES.get(sock.subflow_state, sock.subflow_state)
    del fields["seen"]
    return fields


def _socket_from_json(fields: dict[str, Any] | None) -> Socket:
    if fields is None:
        return Socket(*[0] * len(Socket._fields))
    known = dict(fields, seen=1)
    for name, numbers in (
        ("state", _STATE_NUMBERS),
        ("socket_state", _SOCKET_STATE_NUMBERS),
        ("subflow_state", _STATE_NUMBERS),
    ):
        known[name] = numbers.get(known[name], known[name])
    bits = dict(zip(Socket._fields, _SOCKET_BITS, strict=True))
    return Socket(**{name: _integer(value, bits[name]) for name, value in known.items()})


def _stage_to_json(stage: Stage) -> dict[str, Any]:
    fields: dict[str, Any] = stage._asdict()
    fields["state"] = _STATES.get(stage.state, stage.state)
    fields["socket_state"] = _SOCKET_STATES.get(stage.socket_state, stage.socket_state)
    return fields


def _stage_from_json(fields: dict[str, Any]) -> Stage:
    known = dict(fields)
    known["state"] = _STATE_NUMBERS.get(known["state"], known["state"])
    known["socket_state"] = _SOCKET_STATE_NUMBERS.get(known["socket_state"], known["socket_state"])
    bits = dict(zip(Stage._fields, _STAGE_BITS, strict=True))
    return Stage(**{name: _integer(value, bits[name]) for name, value in known.items()})
