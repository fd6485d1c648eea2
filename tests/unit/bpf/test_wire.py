"""The wire: probes/listen.h and its Python readers say the same, byte for byte."""

from __future__ import annotations

import ctypes
import re
import struct
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

import pytest

from listenwatch.bpf import engine, programs
from listenwatch.bpf.loss import Counters
from listenwatch.call import layout, record
from listenwatch.call.record import Flag, decode
from listenwatch.model.inputs import Bound, EntryPath, Environment, Ulp
from listenwatch.model.stages import HASH_FUNCTIONS, StageIndex
from listenwatch.verdict.inputs import LONG_NS
from tests import ROOT
from tests.helpers.header import Header, Member, read_header

HOOKS = ((ROOT / "probes/entry_paths.h").read_text() + (ROOT / "probes/hooks.h").read_text()).replace(
    "_OF(NATIVE_LISTEN", f"({programs.SYSTEM_CALL_FUNCTION}"
)

NOT_KEPT = ("version", "size", "seen", "address_len", "is_long")


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> Header:
    """probes/listen.h as a C compiler sees it."""
    return read_header(tmp_path_factory.mktemp("wire"))


def laid_out(header: Header, struct_name: str, base: int = 0, path: str = "") -> Iterator[Member]:
    """Every member of a struct that is a number or bytes, nested structs opened, in order, as C has it."""
    inner = {"pre": "listen_socket", "post": "listen_socket", "stages": "listen_stage"}
    for member in header.structs[struct_name]:
        offset, kind = base + member.offset, inner.get(member.name)
        if kind is None:
            yield member._replace(name=path + member.name, offset=offset)
            continue
        count, rest = divmod(member.size, header.sizes[kind])
        assert rest == 0 and (count == len(StageIndex) if member.name == "stages" else count == 1)
        for index in range(count):
            place = f"{path}{member.name}." + (f"{index}." if member.name == "stages" else "")
            yield from laid_out(header, kind, offset + index * header.sizes[kind], place)


def described(rows: layout.Rows) -> Iterator[Member]:
    """The same of the table in Python; neither signed nor unsigned (-1) where it is an array."""
    offset = 0
    for member in layout.members(rows):
        size = struct.calcsize(f"={layout.CODES[member.type]}") * (member.length or 1)
        yield Member(member.name, offset, size, member.length is None and member.type[0] == "s")
        offset += size


@pytest.mark.parametrize(
    ("rows", "struct_name"),
    [
        (layout.LISTEN_EVENT, "listen_event"),
        (layout.LISTEN_SOCKET, "listen_socket"),
        (layout.LISTEN_STAGE, "listen_stage"),
    ],
)
def test_the_table_is_the_header(header: Header, rows: layout.Rows, struct_name: str) -> None:
    assert list(described(rows)) == list(laid_out(header, struct_name))
    packing, places = layout.compiled(rows)
    assert packing.size == header.sizes[struct_name]
    assert list(places) == [m.name for m in laid_out(header, struct_name) if "pad" not in m.name]


def test_a_table_that_is_not_the_header_is_noticed(header: Header) -> None:
    expected = list(laid_out(header, "listen_stage"))
    first, *rest = layout.LISTEN_STAGE
    for wrong in ((("u32", first[1]), *rest), (*rest, first), tuple(rest)):
        assert list(described(wrong)) != expected


def lower(prefix: str, values: dict[str, int]) -> dict[str, int]:
    """C's constants without their prefix."""
    return {name.removeprefix(prefix): value for name, value in values.items()}


def members_of(kind: type[IntEnum]) -> dict[str, int]:
    """A Python enum as name and number."""
    return {name: int(value) for name, value in kind.__members__.items()}


def test_enums(header: Header) -> None:
    entry_paths = lower("ENTRY_", header.enums["listen_entry_path"])
    assert entry_paths == members_of(EntryPath)
    assert lower("FLAG_", header.enums["listen_flag"]) == members_of(Flag)
    stages = lower("STAGE_", header.enums["listen_stage_index"])
    assert stages.pop("COUNT") == len(StageIndex)
    assert stages == members_of(StageIndex)
    assert lower("ULP_", header.enums["listen_ulp"]) == members_of(Ulp)
    assert lower("BOUND_", header.enums["listen_bound"]) == members_of(Bound)
    hashes = lower("HASH_", header.enums["listen_hash"])
    assert {number: name.lower() + "_hash" for name, number in hashes.items()} == HASH_FUNCTIONS


def test_every_constant_of_the_header_is_compared(header: Header) -> None:
    assert header.macros == {
        "LISTEN_WIRE_VERSION": layout.WIRE_VERSION,
        "LISTEN_COMM_LEN": 16,
        "LISTEN_ADDRESS_LEN": 108,
        "LISTEN_LONG_NS": LONG_NS,
    }
    compared = {
        "listen_entry_path", "listen_flag", "listen_stage_index", "listen_hash", "listen_ulp", "listen_bound",
    }  # fmt: skip
    assert set(header.enums) == compared
    known = {"listen_stage", "listen_socket", "listen_event", "listen_config", "listen_counters"}
    assert set(header.structs) == known


def test_config(header: Header) -> None:
    assert ctypes.sizeof(engine.Config) == header.sizes["listen_config"]
    for member in header.structs["listen_config"]:
        field = getattr(engine.Config, member.name)
        assert (field.offset, field.size) == (member.offset, member.size), member.name


def test_counters(header: Header) -> None:
    names = [m.name for m in header.structs["listen_counters"]]
    assert names == list(Counters._fields)
    assert [(m.offset, m.size) for m in header.structs["listen_counters"]] == [
        (8 * i, 8) for i in range(len(names))
    ]


def bodies(heading: str) -> dict[str, str]:
    """What stands in each function of the hooks whose first line matches; by what the heading's group names."""
    return dict(re.findall(rf"^{heading}.*?\)\n\{{\n(.*?)^\}}", HOOKS, re.MULTILINE | re.DOTALL))


MACROS = {
    "kprobe": r"ENTRY[12]\((\w+)",
    "kretprobe": r"RETURN\((\w+)",
    "tracepoint": r"TRACEPOINT\(\w+, (\w+)",
    "raw_tp": r"RAW_TRACEPOINT\((\w+)",
}
HELPERS = bodies(r"static __always_inline [^;\n]*?(\w+)\(")


def stages_in(body: str) -> set[str]:
    """The stages that a function of the hooks fills, itself or by a function it calls."""
    inner = set[str]().union(*(stages_in(HELPERS[name]) for name in HELPERS if f"{name}(" in body))
    return inner | set(re.findall(r"STAGE_(\w+)", body))


@pytest.mark.parametrize("kind", MACROS)
def test_the_programs_are_those_of_the_hooks(kind: str) -> None:
    ours = {p.target.rpartition("/")[2] for p in programs.PROGRAMS if p.kind == kind}
    assert ours == set(bodies(MACROS[kind]))


@pytest.mark.parametrize("program", programs.PROGRAMS, ids=lambda program: program.name)
def test_a_program_fills_the_stages_it_claims(program: programs.BpfProgram) -> None:
    body = bodies(MACROS[program.kind])[program.target.rpartition("/")[2]]
    assert stages_in(body) == {stage.name for stage in program.stages}


def test_each_stage_has_programs_that_fill_it() -> None:
    assert {stage for program in programs.PROGRAMS for stage in program.stages} == set(StageIndex)


def test_a_thread_has_two_calls_which_begin_by_saying_whether_they_are_active(tmp_path: Path) -> None:
    """Engine._in_flight reads no more than this of probes/call.h."""
    header = read_header(tmp_path, "call.h", after=("stdbool.h", "listen.h"))
    first = header.structs["call"][0]
    assert (first.name, first.offset, first.size) == ("active", 0, 4)
    size = header.sizes["call"]
    assert [(m.offset, m.size) for m in header.structs["thread"]] == [(0, size), (size, size)]


def test_each_member_reaches_its_attribute(header: Header, monkeypatch: pytest.MonkeyPatch) -> None:
    """One member at a time gets a number of its own, written where the header says it lies."""
    monkeypatch.setattr(record, "wall_offset_ns", lambda: 0)
    for member in laid_out(header, "listen_event"):
        path, _, last = member.name.rpartition(".")
        if last.startswith("pad") or (last in NOT_KEPT and path not in ("pre", "post")):
            continue
        data = bytearray(record.WIRE.size)
        data[:4] = struct.pack("=I", layout.WIRE_VERSION)
        if path.startswith("stages"):
            seen = next(m for m in laid_out(header, "listen_event") if m.name == f"{path}.seen")
            data[seen.offset] = 1
        if last == "address":
            (length,) = (m for m in laid_out(header, "listen_event") if m.name == "address_len")
            data[length.offset] = 108
        data[member.offset : member.offset + member.size] = b"\x41" * member.size
        value: object = decode(bytes(data))
        for name in attribute_path(member.name):
            value = value[int(name)] if isinstance(value, dict) else getattr(value, name)
        if last in ("comm", "address"):
            assert value == b"\x41" * member.size, member.name
        else:
            assert value == int("41" * member.size, 16), member.name


def attribute_path(name: str) -> list[str]:
    """Where a decoded call holds the member of this path."""
    return ["environment", name] if name in Environment._fields else name.split(".")
