"""A record as Python sees it: the bytes of struct listen_event (probes/listen.h) decoded, nothing judged."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from enum import IntEnum
from operator import itemgetter
from typing import NamedTuple

from listenwatch.call.layout import LISTEN_EVENT, WIRE_VERSION, compiled, members_from, offset_of
from listenwatch.call.unseen import unseen_fields
from listenwatch.errors import RecordingError
from listenwatch.linux.cgroup_owner import NOBODY, Container, Owner, Pod
from listenwatch.linux.clock import wall_offset_ns
from listenwatch.model.inputs import EntryPath, Environment, Family, Knowledge, Request, Socket
from listenwatch.model.stages import StageIndex

NOTHING_KNOWN = Knowledge()
"""Of most calls nothing is known of others."""


class Flag(IntEnum):
    """enum listen_flag, probes/listen.h: the bits of ``ListenCall.flags``."""

    FILE = 1
    SOCKET = 2
    RETURNED = 4
    CONTENDED = 8
    FD_CHANGED = 16
    FOLLOWED = 32
    SHARED_TABLE = 64
    SHARED_FILE = 128
    SOMAXCONN_MOVES = 256
    SWITCHED = 512
    SYSCTLS_UNSEEN = 1024


class StageRecord(NamedTuple):
    """What the probe saw at one stage. ``socket_state`` is 255 where the sock has no struct socket."""

    value: int
    max_ack_backlog: int
    ack_backlog: int
    state: int
    socket_state: int


class ListenCall(NamedTuple):
    """One listen() call. ``time_ns`` is nanoseconds since 1970; ``stages`` holds only those seen.

    ``hooks`` has a bit for each stage the attach mode could see: a stage outside it is not known,
    one inside it and not in ``stages`` was not reached. ``post.seen`` is 0 where the socket could
    not be read at the return. ``somaxconn_after`` is the sysctl at the return, as in ``environment`` where it
    was not read again. ``unit``, ``container`` and ``pod`` are those of the caller's cgroup, which the probe does not
    see: they were looked for afterwards, by ``cgroup_id``; None: there is none, or it is not known.

    ``repeats`` is how many calls it stands for: of all of them everything is the same but when they began and how long they
    took, which is that of the first.
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
    fd: int
    backlog: int
    result: int
    entry_path: int
    flags: int
    hooks: int
    comm: bytes
    environment: Environment
    somaxconn_after: int
    pre: Socket
    post: Socket
    stages: dict[int, StageRecord]
    address: bytes
    unit: str | None = None
    container: Container | None = None
    pod: Pod | None = None
    repeats: int = 1

    @property
    def request(self) -> Request:
        """The call as the model gets it."""
        return Request(self.entry_path, bool(self.flags & Flag.FILE), bool(self.flags & Flag.SOCKET), self.backlog)

    @property
    def knowledge(self) -> Knowledge:
        """What the record says of others' decisions: the security module's, where its hook was watched."""
        answer = self.stages.get(StageIndex.SECURITY_RETURN)
        return Knowledge(refusal=answer.value) if answer else NOTHING_KNOWN

    @property
    def asked(self) -> int | None:
        """The backlog asked for, None where the call itself was not seen."""
        return None if self.entry_path == EntryPath.UNKNOWN else self.backlog

    @property
    def local_port(self) -> int:
        """The port that getsockname(2) gave as the call returned; 0: none, or not seen."""
        return self.post.local_port if self.post.source_port is None else self.post.source_port

    @property
    def somaxconn(self) -> int | None:
        """The sysctl as the call began, None where there was no socket or it could not be read."""
        seen = (self.post.seen or self.pre.seen) and not self.flags & Flag.SYSCTLS_UNSEEN
        return self.environment.somaxconn if seen else None

    @property
    def stored(self) -> int | None:
        """The backlog the kernel holds as the call returned (for MPTCP the subflow's), None if not seen."""
        hidden = "subflow_max_ack_backlog" if is_mptcp(self.post) else "max_ack_backlog"
        if not self.post.seen or hidden in unseen_fields(self.post):
            return None
        return self.post.subflow_max_ack_backlog if is_mptcp(self.post) else self.post.max_ack_backlog


def is_mptcp(socket: Socket) -> bool:
    """An MPTCP socket: its first subflow does the listening."""
    return socket.protocol == 262 and socket.family in (Family.INET, Family.INET6)


WIRE, PLACES = compiled(LISTEN_EVENT)
JUDGED_MEMBERS = members_from("backlog", LISTEN_EVENT)
"""The part of a record that a verdict rests on: before it stands whose the call was, and when."""
JUDGED = offset_of("backlog", LISTEN_EVENT)
"""Where that part begins."""
_unpack = WIRE.unpack
_make = tuple.__new__  # what a NamedTuple's own _make calls, without its count, which _values ensures
_VERSION_BYTES = struct.pack("=I", WIRE_VERSION)
_APART = ("time_ns", "comm", "somaxconn_after", "address", "repeats")
_NUMBERS = tuple(name for name in ListenCall._fields if name in PLACES and name not in _APART)



def _values(prefix: str, names: tuple[str, ...]) -> itemgetter[tuple[int, ...]]:
    """Takes the members ``names`` of the struct at ``prefix`` out of an unpacked record."""
    return itemgetter(*(PLACES[prefix + name] for name in names))


_numbers = _values("", _NUMBERS)
_environment = _values("", Environment._fields)
_pre, _post = _values("pre.", Socket._fields), _values("post.", Socket._fields)
_stages = tuple(
    (int(index), PLACES[f"stages.{index}.seen"], _values(f"stages.{index}.", StageRecord._fields))
    for index in StageIndex
)
_comm, _address, _address_len = (PLACES[name] for name in ("comm", "address", "address_len"))
_somaxconn_after, _time_ns = PLACES["somaxconn_after"], PLACES["time_ns"]
_cgroup_id, _pid, _repeats = PLACES["cgroup_id"], PLACES["pid"], PLACES["repeats"]

OwnerOf = Callable[[int, int], Owner]
"""Whose a call is, by the id of the caller's cgroup and its pid."""


def decode(data: bytes, wall_offset: int | None = None, owner_of: OwnerOf | None = None) -> ListenCall:
    """The call in one record; RecordingError if it is not of this wire version and size.

    ``wall_offset`` is the clock's, which a batch reads once; None reads it here. Without ``owner_of`` it is nobody's.
    """
    if len(data) != WIRE.size or data[:4] != _VERSION_BYTES:
        raise RecordingError(
            f"a record of {len(data)} bytes does not fit wire version {WIRE_VERSION} "
            f"({WIRE.size} bytes): run 'make setup' to compile the probe afresh"
        )
    offset = wall_offset_ns() if wall_offset is None else wall_offset
    record = _unpack(data)
    stages: dict[int, StageRecord] = {}
    for index, seen, values in _stages:
        if record[seen]:
            stages[index] = _make(StageRecord, values(record))
    owner = owner_of(record[_cgroup_id], record[_pid]) if owner_of else NOBODY
    return _make(
        ListenCall,
        (
            record[_time_ns] + offset, *_numbers(record), record[_comm].split(b"\0", 1)[0],
            _make(Environment, _environment(record)), record[_somaxconn_after],
            _make(Socket, _pre(record)), _make(Socket, _post(record)), stages,
            record[_address][: record[_address_len]], *owner[:3], record[_repeats],
        ),
    )


def decode_judged(part: bytes) -> ListenCall:
    """The call in the judged part of a record, which does not say whose it was, and when."""
    return decode(_VERSION_BYTES + bytes(JUDGED - len(_VERSION_BYTES)) + part, 0)


def decode_all(records: Iterable[bytes], owner_of: OwnerOf | None = None) -> list[ListenCall]:
    """The calls in a batch of records.

    Where somaxconn was seen to move, it counts as moving for the calls before as well: whoever writes it at that rate
    had begun earlier.
    """
    offset = wall_offset_ns()
    calls = [decode(record, offset, owner_of) for record in records]
    moving = {call.netns_inode for call in calls if call.flags & Flag.SOMAXCONN_MOVES}
    if not moving:
        return calls
    return [
        call._replace(flags=call.flags | Flag.SOMAXCONN_MOVES) if call.netns_inode in moving else call
        for call in calls
    ]
