"""A record as Python sees it: the bytes of struct listen_event (probes/listen.h) decoded, nothing judged."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

from listenwatch.errors import RecordingError
from listenwatch.model.inputs import Door, Environment, Family, Knowledge, Request, Socket
from listenwatch.model.stages import StageIndex

WIRE_VERSION = 1

_HEADER = "IIQQQQQIIII16siiiBBH"
_ENVIRONMENT = "iiiiii"
_SOCKET = "IIIIHHHHBBBBBBBB"
_STAGE = "iIIBBBB"
WIRE = struct.Struct(
    "=" + _HEADER + _ENVIRONMENT + 2 * _SOCKET + len(StageIndex) * _STAGE + "108sB3x"
)
_unpack = WIRE.unpack


class Flag(IntEnum):
    """enum listen_flag, probes/listen.h: the bits of ``ListenCall.flags``."""

    FILE = 1
    SOCKET = 2
    RETURNED = 4
    CONTENDED = 8
    FD_CHANGED = 16
    FOLLOWED = 32
    SHARED_TABLE = 64


class Stage(NamedTuple):
    """What the probe saw at one stage. ``socket_state`` is 255 where the sock has no struct socket."""

    value: int
    max_ack_backlog: int
    ack_backlog: int
    state: int
    socket_state: int


class ListenCall(NamedTuple):
    """One listen() call. Times are CLOCK_MONOTONIC nanoseconds; ``stages`` holds only those seen.

    ``hooks`` has a bit for each stage the attach mode could see: a stage outside it is not known,
    one inside it and not in ``stages`` was not reached. ``post.seen`` is 0 where the socket could
    not be read at the return.
    """

    time_ns: int
    duration_ns: int
    cgroup_id: int
    socket_cookie: int
    netns_cookie: int
    netns_inode: int
    pid: int
    tid: int
    uid: int
    comm: bytes
    fd: int
    backlog: int
    result: int
    door: int
    flags: int
    hooks: int
    environment: Environment
    pre: Socket
    post: Socket
    stages: dict[int, Stage]
    address: bytes

    @property
    def request(self) -> Request:
        """The call as the model gets it."""
        flags = self.flags
        return Request(
            self.door, bool(flags & Flag.FILE), bool(flags & Flag.SOCKET), self.backlog
        )

    @property
    def knowledge(self) -> Knowledge:
        """What the record says of others' decisions: the security module's, where its hook was watched."""
        answer = self.stages.get(StageIndex.SECURITY_RETURN)
        return Knowledge(refusal=answer.value) if answer else Knowledge()

    @property
    def asked(self) -> int | None:
        """The backlog asked for, None where the call itself was not seen."""
        return None if self.door == Door.UNKNOWN else self.backlog

    @property
    def stored(self) -> int | None:
        """The backlog the kernel holds as the call returned (for MPTCP the subflow's), None if not seen."""
        if not self.post.seen:
            return None
        return self.post.subflow_max_ack_backlog if is_mptcp(self.post) else self.post.max_ack_backlog


def is_mptcp(socket: Socket) -> bool:
    """An MPTCP socket: its first subflow does the listening."""
    return socket.protocol == 262 and socket.family in (Family.INET, Family.INET6)


def decode(data: bytes) -> ListenCall:
    """The call in one record; RecordingError if it is not of this wire version and size."""
    if len(data) != WIRE.size or data[:4] != _VERSION_BYTES:
        raise RecordingError(
            f"a record of {len(data)} bytes does not fit wire version {WIRE_VERSION} "
            f"({WIRE.size} bytes): run 'make setup' to compile the probe afresh"
        )
    field = _unpack(data)
    stages = {}
    base = 56
    for index in _STAGE_RANGE:
        if field[base + 3]:
            stages[index] = Stage._make(field[base : base + 3] + field[base + 4 : base + 6])
        base += 7
    return ListenCall._make(
        (
            *field[2:11],
            field[11].split(b"\0", 1)[0],
            *field[12:18],
            Environment._make(field[18:23]),
            Socket._make(field[24:40]),
            Socket._make(field[40:56]),
            stages,
            field[-2][: field[-1]],
        )
    )


_STAGE_RANGE = range(len(StageIndex))
_VERSION_BYTES = struct.pack("=I", WIRE_VERSION)


def door_name(door: int) -> str:
    """``syscall``, ``compat``, ``io_uring``, ``kernel`` or ``unknown``."""
    return Door(door).name.lower()
