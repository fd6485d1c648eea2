"""Bytes of the wire become a ListenCall, every number in its attribute."""

from __future__ import annotations

import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch import record
from listenwatch.errors import RecordingError
from listenwatch.model.stages import StageIndex
from listenwatch.record import decode

PIECE = re.compile(r"(\d*)([a-zA-Z])")


@st.composite
def packed(draw: st.DrawFn) -> tuple[list[int | bytes], bytes]:
    """A record with a random number in every member, and its bytes."""
    limits = {code: 256 ** struct.calcsize(f"={code}") for code in "BHIQ"}
    values: list[int | bytes] = []
    for count, code in PIECE.findall(record.WIRE.format.lstrip("=")):
        if code == "s":
            length = int(count)
            values.append(draw(st.binary(min_size=length, max_size=length)))
        elif code != "x":
            half = 256 ** struct.calcsize(f"={code}") // 2
            low, high = (-half, half - 1) if code == "i" else (0, limits[code] - 1)
            values += [draw(st.integers(low, high)) for _ in range(int(count or 1))]
    values[0] = record.WIRE_VERSION
    values[-1] = draw(st.integers(0, 108))
    return values, record.WIRE.pack(*values)


@given(packed())
def test_round_trip(sample: tuple[list[int | bytes], bytes]) -> None:
    values, data = sample
    call = decode(data)
    comm, address, length = values[11], values[-2], values[-1]
    assert isinstance(comm, bytes) and isinstance(address, bytes) and isinstance(length, int)
    assert list(call[:9]) == values[2:11]
    assert call.comm == comm.split(b"\0")[0]
    assert list(call[10:16]) == values[12:18]
    assert list(call.environment) == values[18:23]
    assert list(call.pre) == values[24:40]
    assert list(call.post) == values[40:56]
    for index in StageIndex:
        value, limit, queue, seen, state, socket_state, _ = values[56 + 7 * index : 63 + 7 * index]
        expected = (value, limit, queue, state, socket_state)
        assert call.stages.get(index) == (expected if seen else None)
    assert call.address == address[:length]


@pytest.mark.parametrize("data", [b"", b"\1\0\0\0", bytes(456), bytes([2, *bytes(455)])])
def test_bytes_of_another_version_or_size_are_refused(data: bytes) -> None:
    with pytest.raises(RecordingError, match="wire version 1"):
        decode(data)
