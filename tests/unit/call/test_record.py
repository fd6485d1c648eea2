"""Bytes of the wire become a ListenCall, every number in its attribute."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.call import record
from listenwatch.call.layout import LISTEN_EVENT, WIRE_VERSION, members
from listenwatch.call.record import Flag, ListenCall, StageRecord, decode, decode_all
from listenwatch.errors import RecordingError
from listenwatch.linux.cgroup_owner import Container, Owner, Pod
from listenwatch.linux.clock import wall_offset_ns
from listenwatch.model.inputs import Environment, Socket
from listenwatch.model.stages import StageIndex

OWNERS = ("unit", "container", "pod")
"""What is looked for afterwards."""
VALUES = [member for member in members(LISTEN_EVENT) if not member.is_padding]


@st.composite
def packed(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """A record with a random value in every member, by its path, and its bytes."""
    values: dict[str, Any] = {}
    for member in VALUES:
        length = member.length
        number = st.integers(*member.range)
        values[member.name] = draw(
            number if length is None else st.binary(min_size=length, max_size=length)
        )
    values |= {"version": WIRE_VERSION, "address_len": draw(st.integers(0, 108))}
    return values, record.WIRE.pack(*values.values())


def taken(values: dict[str, Any], prefix: str, names: Iterable[str]) -> dict[str, Any]:
    """The members of one struct of the record, by name."""
    return {name: values[prefix + name] for name in names}


@given(packed())
def test_round_trip(sample: tuple[dict[str, Any], bytes]) -> None:
    values, data = sample
    call = decode(data)
    assert call.environment._asdict() == taken(values, "", Environment._fields)
    assert call.pre._asdict() == taken(values, "pre.", Socket._fields)
    assert call.post._asdict() == taken(values, "post.", Socket._fields)
    for index in StageIndex:
        seen = call.stages.get(index)
        expected = taken(values, f"stages.{index}.", StageRecord._fields)
        assert (seen and seen._asdict()) == (expected if values[f"stages.{index}.seen"] else None)
    assert call.comm == values["comm"].split(b"\0")[0]
    assert call.address == values["address"][: values["address_len"]]
    assert call.time_ns == values["time_ns"] + wall_offset_ns()
    others = set(ListenCall._fields) - {"time_ns", "comm", "environment", "pre", "post", "stages", "address", *OWNERS}
    assert taken(call._asdict(), "", others) == taken(values, "", others)
    assert len(others) + 1 + len(Environment._fields) == len([m for m in VALUES if "." not in m.name]) - 6


def test_a_somaxconn_that_moves_in_a_batch_moved_before_as_well() -> None:
    """Only in its own namespace."""

    def packed_call(netns: int, flags: int) -> bytes:
        values = {m.name: 0 if m.length is None else b"" for m in VALUES}
        values |= {"version": WIRE_VERSION, "netns_inode": netns, "flags": flags}
        return record.WIRE.pack(*values.values())

    moves = Flag.SOMAXCONN_MOVES
    batch = [packed_call(1, Flag.FILE), packed_call(2, Flag.FILE), packed_call(1, moves)]
    assert [call.flags for call in decode_all(batch)] == [Flag.FILE | moves, Flag.FILE, moves]
    assert decode_all(batch[:2]) == [decode(data) for data in batch[:2]]
    assert decode_all([]) == []


@given(packed())
def test_whose_it_is_is_asked_by_the_cgroup_and_the_process(sample: tuple[dict[str, Any], bytes]) -> None:
    values, data = sample
    owner = Owner("nginx.service", Container("podman", "id", "web"), Pod("uid"), user=7)
    asked = []

    def owner_of(cgroup: int, pid: int) -> Owner:
        asked.append((cgroup, pid))
        return owner

    (call,) = decode_all([data], owner_of)
    assert asked == [(values["cgroup_id"], values["pid"])]
    assert (call.unit, call.container, call.pod) == owner[:3]
    assert call._replace(unit=None, container=None, pod=None, time_ns=0) == decode(data)._replace(time_ns=0)


@pytest.mark.parametrize("data", [b"", b"\2\0\0\0", bytes(472), bytes([1, *bytes(471)])])
def test_bytes_of_another_version_or_size_are_refused(data: bytes) -> None:
    with pytest.raises(RecordingError, match="wire version 3"):
        decode(data)
