"""The record's layout: the members of the structs of probes/listen.h, in their order, and how they are unpacked.

The one place that knows it: the decoder, the ranges of JSON values and the published schema are made
from this table by name.
"""

import struct
from typing import NamedTuple

from listenwatch.model.stages import StageIndex

WIRE_VERSION = 3

CODES = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "s32": "i"}
"""C types of the header and their codes in a struct format."""

Rows = tuple[tuple[str, str], ...]

LISTEN_STAGE: Rows = (
    ("s32", "value"), ("u32", "max_ack_backlog ack_backlog"), ("u8", "seen state socket_state pad")
)
LISTEN_SOCKET: Rows = (
    ("u32", "max_ack_backlog ack_backlog subflow_max_ack_backlog subflow_ack_backlog"),
    ("u16", "family type protocol local_port"),
    ("u8", "seen state socket_state bound reuse reuseport ulp subflow_state"),
    ("u16", "subflow_local_port source_port"),
)
LISTEN_EVENT: Rows = (
    ("u32", "version size"),
    ("u64", "time_ns duration_ns repeats cgroup_id socket_cookie netns_cookie"),
    ("u32", "netns_inode pid tid uid"),
    ("u8[16]", "comm"),
    ("s32", "fd backlog result"),
    ("u8", "entry_path pad"),
    ("u16", "hooks"),
    ("s32", "somaxconn max_syn_backlog syncookies fastopen abort_on_overflow somaxconn_after"),
    ("listen_socket", "pre post"),
    (f"listen_stage[{len(StageIndex)}]", "stages"),
    ("u8[108]", "address"),
    ("u8", "address_len is_long"),
    ("u16", "flags"),
)
_STRUCTS = {"listen_stage": LISTEN_STAGE, "listen_socket": LISTEN_SOCKET}


class Member(NamedTuple):
    """A number (``length`` None) or byte string of a record, by its path (``pre.state``); ``type`` is a key of CODES."""

    name: str
    type: str
    length: int | None = None

    @property
    def format(self) -> str:
        """Its code in a struct format; padding is skipped."""
        code = CODES[self.type]
        if self.is_padding:
            return f"{self.size}x"
        return code if self.length is None else f"{self.length}s"

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return struct.calcsize(f"={self.length or 1}{CODES[self.type]}")

    @property
    def is_padding(self) -> bool:
        """Bytes that hold nothing."""
        return self.name.rpartition(".")[2].startswith("pad")

    @property
    def range(self) -> tuple[int, int]:
        """The lowest and the highest number it can hold."""
        bits = int(self.type[1:])
        return (-1 << bits - 1, (1 << bits - 1) - 1) if self.type[0] == "s" else (0, (1 << bits) - 1)


def members(rows: Rows, path: str = "") -> list[Member]:
    """Every number and byte string of a struct in its order, nested structs opened."""
    opened: list[Member] = []
    for declared, names in rows:
        kind, _, rest = declared.partition("[")
        count = int(rest[:-1]) if rest else None
        for name in names.split():
            if kind not in _STRUCTS:
                opened.append(Member(path + name, kind, count))
            elif count is None:
                opened += members(_STRUCTS[kind], f"{path}{name}.")
            else:
                for index in range(count):
                    opened += members(_STRUCTS[kind], f"{path}{name}.{index}.")
    return opened


def compiled(rows: Rows) -> tuple[struct.Struct, dict[str, int]]:
    """What unpacks a struct, and the place of each member, by its path, among the unpacked values."""
    laid_out = members(rows)
    values = [member.name for member in laid_out if not member.is_padding]
    packing = struct.Struct("=" + "".join(member.format for member in laid_out))
    return packing, {name: place for place, name in enumerate(values)}


def members_from(name: str, rows: Rows) -> list[Member]:
    """The members of a struct from this one on."""
    laid_out = members(rows)
    return laid_out[[member.name for member in laid_out].index(name) :]


def offset_of(name: str, rows: Rows) -> int:
    """How many bytes of a struct stand before a member."""
    return sum(member.size for member in members(rows)) - sum(member.size for member in members_from(name, rows))
