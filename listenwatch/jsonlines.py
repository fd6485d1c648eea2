"""Calls as JSON lines and back: what ``--json`` prints and ``-o`` records. Schema 1; keys are stable."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from listenwatch.model.inputs import Door, Environment, Socket, SocketState, TcpState
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
        "comm": call.comm.decode("utf-8", "backslashreplace"),
        "door": door_name(call.door),
        "family": family_name(sock.family) if sock.seen else None,
        "type": type_name(sock.type) if sock.seen else None,
        "protocol": protocol_name(*kind) if sock.seen else None,
        "local": local_address(call) or None,
        "fd": call.fd,
        "asked": call.backlog,
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


def call_from_json(line: dict[str, Any]) -> ListenCall:
    """The call in a line ``call_to_json`` made. KeyError, TypeError or ValueError if it is not one."""
    return ListenCall(
        time_ns=_time_number(line["time"]),
        duration_ns=_integer(line["duration_ns"]),
        cgroup_id=_integer(line["cgroup_id"]),
        socket_cookie=_integer(line["socket_cookie"]),
        netns_cookie=_integer(line["netns_cookie"]),
        netns_inode=_integer(line["netns"]),
        pid=_integer(line["pid"]),
        tid=_integer(line["tid"]),
        uid=_integer(line["uid"]),
        comm=str(line["comm"]).encode(),
        fd=_integer(line["fd"]),
        backlog=_integer(line["asked"]),
        result=_integer(line["result"] or 0),
        door=Door[line["door"].upper()],
        flags=sum(Flag[name.upper()] for name in line["flags"]),
        hooks=sum(1 << _STAGE_NUMBERS[name] for name in line["watched"]),
        environment=Environment(**{k: _integer(v) for k, v in line["environment"].items()}),
        pre=_socket_from_json(line["pre"]),
        post=_socket_from_json(line["post"]),
        stages={_STAGE_NUMBERS[k]: _stage_from_json(v) for k, v in line["stages"].items()},
        address=bytes.fromhex(line["address"]),
    )


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"not a whole number: {value!r}")
    return value


def _time_text(monotonic_ns: int) -> str:
    seconds, nanoseconds = divmod(monotonic_ns + _CLOCK_OFFSET_NS, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09}Z"


def _time_number(text: str) -> int:
    whole, nanoseconds = text.removesuffix("Z").split(".")
    moment = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 10**9 + int(nanoseconds) - _CLOCK_OFFSET_NS


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
    return Socket(**{name: _integer(value) for name, value in known.items()})


def _stage_to_json(stage: Stage) -> dict[str, Any]:
    fields: dict[str, Any] = stage._asdict()
    fields["state"] = _STATES.get(stage.state, stage.state)
    fields["socket_state"] = _SOCKET_STATES.get(stage.socket_state, stage.socket_state)
    return fields


def _stage_from_json(fields: dict[str, Any]) -> Stage:
    known = dict(fields)
    known["state"] = _STATE_NUMBERS.get(known["state"], known["state"])
    known["socket_state"] = _SOCKET_STATE_NUMBERS.get(known["socket_state"], known["socket_state"])
    return Stage(**{name: _integer(value) for name, value in known.items()})
