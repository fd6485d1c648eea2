"""The overflow probe's maps: probes/overflow.h and its Python readers say the same, byte for byte."""

from __future__ import annotations

import ctypes
import struct

import pytest

from listenwatch.engines import overflow
from listenwatch.engines.overflow import COUNTERS, KEY, NETNS, TOTAL, VALUE, Config, Counted
from listenwatch.errors import ObserveError
from listenwatch.overflow.kinds import Kind
from tests.unit.header import Header, read_header


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> Header:
    """probes/overflow.h as a C compiler sees it."""
    return read_header(tmp_path_factory.mktemp("wire"), "overflow.h")


@pytest.mark.parametrize(
    ("name", "layout"), [("overflow_key", KEY), ("overflow_value", VALUE), ("overflow_total", TOTAL),
     ("overflow_netns", NETNS)]
)
def test_the_layouts(header: Header, name: str, layout: struct.Struct) -> None:
    members = header.structs[name]
    assert layout.size == header.sizes[name] == sum(member.size for member in members)
    values = layout.unpack(bytes(layout.size))
    places, at = [], 0
    for value, code in zip(values, _codes(layout), strict=True):
        assert isinstance(value, bytes) == code.endswith("s")
        places.append((at, struct.calcsize(f"={code}")))
        at += places[-1][1]
    if name == "overflow_total":  # an array, then one more
        assert members[0].size == 8 * len(COUNTERS) and members[1].offset == places[-1][0]
    else:
        assert [(member.offset, member.size) for member in members] == places


def _codes(layout: struct.Struct) -> list[str]:
    found, number = [], ""
    for letter in layout.format.lstrip("="):
        if letter.isdigit():
            number += letter
            continue
        found += [number + letter] if letter == "s" else [letter] * int(number or 1)
        number = ""
    return found


def test_the_names(header: Header) -> None:
    members = [m.name for kind in ("overflow_key", "overflow_value") for m in header.structs[kind]]
    assert [name if name != "count" else "times" for name in members] == list(Counted._fields)
    kinds = {kind.name: kind.value for kind in Kind}
    assert header.enums["overflow_kind"] == {**kinds, "OVERFLOW_KINDS": len(Kind)}


def test_the_counters_in_their_order(header: Header) -> None:
    names = [name.replace("_", "") for name in header.enums["overflow_counter"]][:-1]
    assert [name.replace("TCP", "").upper() for name in COUNTERS] == names
    assert ctypes.sizeof(Config) == header.sizes["overflow_config"] == 4 * len(COUNTERS)


def test_a_mode_without_kprobes_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overflow, "why_not", lambda mode: "no kprobes")
    assert overflow.choose_mode("auto") == ("tracepoint", "no kprobes")
    with pytest.raises(ObserveError, match="no kprobes: use --attach tracepoint"):
        overflow.choose_mode("kprobe")
    monkeypatch.setattr(overflow, "why_not", lambda mode: None)
    monkeypatch.setattr(overflow, "has_symbols", lambda names: "tcp_check_req" not in names)
    assert overflow.choose_mode("auto") == ("tracepoint", "the kernel has no function tcp_check_req")
    monkeypatch.setattr(overflow, "has_symbols", lambda names: True)
    assert overflow.choose_mode("auto") == ("kprobe", "")
    assert overflow.choose_mode("tracepoint") == ("tracepoint", "asked for")
