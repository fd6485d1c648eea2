"""The overflow probe's maps: probes/overflow.h and its Python readers say the same, byte for byte."""

from __future__ import annotations

import ctypes

import pytest

from listenwatch.bpf.overflow import COUNTERS, LAYOUTS, Counted
from listenwatch.overflow.kinds import OverflowKind
from tests.helpers.header import Header, read_header


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> Header:
    """probes/overflow.h as a C compiler sees it."""
    return read_header(tmp_path_factory.mktemp("wire"), "overflow.h")


def test_every_struct_has_its_layout(header: Header) -> None:
    assert set(LAYOUTS) == set(header.structs)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_layouts(header: Header, name: str) -> None:
    layout = LAYOUTS[name]
    assert ctypes.sizeof(layout) == header.sizes[name]
    names = [field[0] for field in layout._fields_]
    ours = [(name, getattr(layout, name).offset, getattr(layout, name).size) for name in names]
    assert ours == [(member.name, member.offset, member.size) for member in header.structs[name]]
    highest = layout.from_buffer_copy(b"\xff" * ctypes.sizeof(layout))
    numbers = [value for name in names if isinstance(value := getattr(highest, name), int)]
    assert all(number > 0 for number in numbers)
    assert not any(member.signed for member in header.structs[name])


def test_the_names(header: Header) -> None:
    members = [m.name for kind in ("overflow_key", "overflow_value") for m in header.structs[kind]]
    assert members == list(Counted._fields)
    kinds = {kind.name: kind.value for kind in OverflowKind}
    assert header.enums["overflow_kind"] == {**kinds, "OVERFLOW_KINDS": len(OverflowKind)}


def test_the_counters_in_their_order(header: Header) -> None:
    names = [name.replace("_", "") for name in header.enums["overflow_counter"]][:-1]
    assert [name.replace("TCP", "").upper() for name in COUNTERS] == names
