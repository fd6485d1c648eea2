"""The wire: probes/listen.h and its Python readers say the same, byte for byte."""

from __future__ import annotations

import ctypes
import re
import struct
from enum import IntEnum
from pathlib import Path

import pytest

from listenwatch import record
from listenwatch.engines import engine, loss, programs
from listenwatch.model.inputs import Door, Environment, Socket, Ulp
from listenwatch.model.stages import HASH_FUNCTIONS, StageIndex
from listenwatch.record import Flag, ListenCall, Stage, decode
from tests.unit.header import Header, Member, read_header

PIECE = re.compile(r"(\d*)([a-zA-Z])")

HOOKS = Path(__file__).parents[2] / "probes/hooks.h"

NOT_KEPT = ("version", "size", "pad", "pad2", "seen", "address_len")


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> Header:
    """probes/listen.h as a C compiler sees it."""
    return read_header(tmp_path_factory.mktemp("wire"))


def leaves(header: Header, name: str, base: int = 0, path: str = "") -> list[Member]:
    """Every member of a struct that is a number or bytes, nested structs opened, in order."""
    found = []
    inner = {
        "pre": ("listen_socket", 1),
        "post": ("listen_socket", 1),
        "stages": ("listen_stage", len(StageIndex)),
    }
    for member in header.structs[name]:
        at = base + member.offset
        if member.name not in inner:
            found.append(member._replace(name=path + member.name, offset=at))
            continue
        kind, count = inner[member.name]
        assert member.size == count * header.sizes[kind]
        for index in range(count):
            where = f"{path}{member.name}[{index}]."
            found += leaves(header, kind, at + index * header.sizes[kind], where)
    return found


def pieces(text: str) -> list[tuple[int, int, bool, bool]]:
    """Offset, size, signedness and padding of each piece of a struct format without alignment."""
    found, offset = [], 0
    for count, code in PIECE.findall(text.lstrip("=")):
        whole = code in "sx"
        size = int(count or 1) if whole else struct.calcsize(f"={code}")
        for _ in range(1 if whole else int(count or 1)):
            found.append((offset, size, code in "bhiq", code == "x"))
            offset += size
    return found


def test_every_member_lies_where_the_decoder_looks(header: Header) -> None:
    members = leaves(header, "listen_event")
    decoded = pieces(record.WIRE.format)
    assert len(members) == len(decoded)
    for member, (offset, size, signed, padding) in zip(members, decoded, strict=True):
        assert (member.offset, member.size, member.signed) == (offset, size, signed), member.name
        assert not padding or "pad" in member.name.rsplit(".")[-1]


def test_sizes(header: Header) -> None:
    assert record.WIRE.size == header.sizes["listen_event"]
    assert struct.calcsize("=" + record._SOCKET) == header.sizes["listen_socket"]
    assert struct.calcsize("=" + record._STAGE) == header.sizes["listen_stage"]


def test_members_are_decoded_in_the_order_of_their_names(header: Header) -> None:
    kept = [m.name for m in header.structs["listen_event"] if m.name not in NOT_KEPT]
    fields = [name for name in ListenCall._fields if name not in ("environment",)]
    first = kept.index(Environment._fields[0])
    last = first + len(Environment._fields)
    assert tuple(kept[first:last]) == Environment._fields
    assert kept[:first] + kept[last:] == fields
    assert tuple(m.name for m in header.structs["listen_socket"]) == Socket._fields
    stage = [m.name for m in header.structs["listen_stage"] if m.name not in NOT_KEPT]
    assert tuple(stage) == Stage._fields


def lower(prefix: str, values: dict[str, int]) -> dict[str, int]:
    """C's constants without their prefix."""
    return {name.removeprefix(prefix): value for name, value in values.items()}


def members_of(kind: type[IntEnum]) -> dict[str, int]:
    """A Python enum as name and number."""
    return {name: int(value) for name, value in kind.__members__.items()}


def test_enums(header: Header) -> None:
    doors = lower("DOOR_", header.enums["listen_door"])
    assert doors.pop("MARKER") == programs.DOOR_MARKER
    assert doors == members_of(Door)
    assert lower("FLAG_", header.enums["listen_flag"]) == members_of(Flag)
    stages = lower("STAGE_", header.enums["listen_stage_index"])
    assert stages.pop("COUNT") == len(StageIndex)
    assert stages == members_of(StageIndex)
    assert lower("ULP_", header.enums["listen_ulp"]) == members_of(Ulp)
    hashes = lower("HASH_", header.enums["listen_hash"])
    assert {number: name.lower() + "_hash" for name, number in hashes.items()} == HASH_FUNCTIONS


def test_every_constant_of_the_header_is_compared(header: Header) -> None:
    assert header.macros == {
        "LISTEN_WIRE_VERSION": record.WIRE_VERSION,
        "LISTEN_COMM_LEN": 16,
        "LISTEN_ADDRESS_LEN": 108,
        "LISTEN_MARKER_FD": programs.MARKER_FD,
    }
    compared = {"listen_door", "listen_flag", "listen_stage_index", "listen_hash", "listen_ulp"}
    assert set(header.enums) == compared
    known = {"listen_stage", "listen_socket", "listen_event", "listen_config", "listen_counters"}
    assert set(header.structs) == known


def test_door_offset(header: Header) -> None:
    (door,) = (m for m in header.structs["listen_event"] if m.name == "door")
    assert (door.offset, door.size) == (programs.DOOR_OFFSET, 1)


def test_config(header: Header) -> None:
    assert ctypes.sizeof(engine.Config) == header.sizes["listen_config"]
    for member in header.structs["listen_config"]:
        field = getattr(engine.Config, member.name)
        assert (field.offset, field.size) == (member.offset, member.size), member.name


def test_counters(header: Header) -> None:
    names = [m.name for m in header.structs["listen_counters"]]
    assert names == list(loss.Counters._fields)
    assert [(m.offset, m.size) for m in header.structs["listen_counters"]] == [
        (8 * i, 8) for i in range(len(names))
    ]


def test_each_stage_has_programs_that_fill_it() -> None:
    filled = {stage for program in programs.PROGRAMS for stage in program.stages}
    assert filled == set(StageIndex)
    source = HOOKS.read_text()
    for program in programs.PROGRAMS:
        assert re.search(rf"\b{program.name}\b", source), program.name


@pytest.mark.parametrize(
    "program", [p for p in programs.PROGRAMS if p.stages], ids=lambda program: program.name
)
def test_a_program_fills_the_stages_it_claims(program: programs.Program) -> None:
    source = HOOKS.read_text()
    body = re.search(rf"\b{program.name}\b.*?\n\}}", source, re.DOTALL)
    assert body
    text = (
        body[0]
        .replace("saw_hash(", "STAGE_HASH ")
        .replace("inet_listen_left(", "STAGE_INET_LISTEN_RETURN ")
    )
    claimed = {f"STAGE_{StageIndex(stage).name}" for stage in program.stages}
    assert set(re.findall(r"STAGE_\w+", text)) == claimed


def test_each_member_reaches_its_attribute(header: Header) -> None:
    """One member at a time gets a number of its own, written where the header says it lies."""
    for member in leaves(header, "listen_event"):
        name = member.name
        last = name.rsplit(".", 1)[-1]
        if last in NOT_KEPT and not name.startswith(("pre", "post")):
            continue
        data = bytearray(record.WIRE.size)
        data[:4] = struct.pack("=I", record.WIRE_VERSION)
        stage = re.match(r"stages\[(\d+)\]", name)
        seen = member.offset - header_offset(header, last) + header_offset(header, "seen")
        if stage:
            data[seen] = 1
        if last == "address":
            data[-4] = 108
        data[member.offset : member.offset + member.size] = b"\x41" * member.size
        found = attribute(decode(bytes(data)), name)
        assert found == (
            b"\x41" * member.size if last in ("comm", "address") else int("41" * member.size, 16)
        ), name


def header_offset(header: Header, name: str) -> int:
    """The offset of a member within struct listen_stage; 0 for one that is not there."""
    return next((m.offset for m in header.structs["listen_stage"] if m.name == name), 0)


def attribute(call: ListenCall, path: str) -> object:
    """The attribute of a decoded call that a member's path names."""
    if match := re.match(r"stages\[(\d+)\]\.(\w+)", path):
        return getattr(call.stages[int(match[1])], match[2])
    if match := re.match(r"(pre|post)\[0\]\.(\w+)", path):
        return getattr(getattr(call, match[1]), match[2])
    if path in Environment._fields:
        return getattr(call.environment, path)
    return getattr(call, path)
