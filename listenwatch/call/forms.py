"""How each kind of value stands in a JSON line: its schema, and what reads and writes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, NamedTuple

from listenwatch.call.layout import CODES, Member
from listenwatch.model.inputs import SocketState, TcpState
from listenwatch.model.stages import StageIndex

SCHEMA = "listenwatch/call/3"
"""What a call's line says it is. Before, it was a number: 1 had differences as texts, 2 had no ``port``."""
OLDER = (1, 2)
"""What earlier versions wrote and is read still: what is read back of a line, the call, is the same in all."""

SOCKET_STATES: dict[int, str] = {int(state): state.name for state in SocketState}
STATES: dict[int, str] = {int(state): state.name for state in TcpState}
STATE_NUMBERS = {name: number for number, name in STATES.items()}
STAGE_NAMES = {int(index): index.key for index in StageIndex}

Schema = dict[str, Any]


class Form(NamedTuple):
    """One kind of value. ``read`` gets the JSON value and a type it need not look at (a cattrs hook) and
    raises TypeError or ValueError; ``write`` gets the record's value, None where it stands as it is.
    A key without ``read`` is derived from others and never read. An ``optional`` one may be missing: it is ``missing`` then.
    """

    schema: Schema
    read: Callable[[Any, Any], Any] | None = None
    write: Callable[[Any], Any] | None = None
    optional: bool = False
    missing: object = None

    def described(self, description: str) -> Form:
        """The same with a description for the reader of the schema."""
        return self._replace(schema={**self.schema, "description": description})

    def or_null(self, missing: object = None) -> Form:
        """The same, where JSON may say null for ``missing``; the caller writes the null."""
        read = self.read
        schema = {"anyOf": [self.schema, {"type": "null"}]}
        if read is None:
            return self._replace(schema=schema)
        return Form(schema, lambda v, t: missing if v is None else read(v, t), self.write)

    def or_missing(self) -> Form:
        """The same for a value that older recordings do not have: None."""
        return self.or_null()._replace(optional=True)


TEXT = Form({"type": "string"})


def _read_word(value: Any, _: Any) -> str:
    if type(value) is not str:
        raise TypeError(f"not a text: {value!r}")
    return value


WORD = Form(TEXT.schema, _read_word)
"""A text that is read back."""
WORD_IF_KNOWN = WORD.or_null("")._replace(write=lambda word: word or None)
"""The same; empty in the record, and null in JSON, where it is not known."""
NUMBER_SCHEMAS: dict[str, Schema] = {
    kind: dict(zip(("type", "minimum", "maximum"), ("integer", *Member("", kind).range), strict=True))
    for kind in CODES
}


def whole_number(kind: str, least: int | None = None) -> Form:
    """A number of one C type of the wire, so that a damaged line cannot hold what no kernel sends; at least so much."""
    low, high = Member("", kind).range
    schema: Schema = {"$ref": f"#/$defs/{kind}"}
    if least is not None:
        low, schema = least, {**schema, "minimum": least}

    def read(value: Any, _: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"not a whole number: {value!r}")
        if not low <= value <= high:
            raise ValueError(f"out of range: {value}")
        return value

    return Form(schema, read)


def name_or_number(names: dict[int, str], kind: str) -> Form:
    """A number by its name; one without a name stays a number."""
    numbers, number = {name: value for value, name in names.items()}, whole_number(kind)
    read_number = number.read
    assert read_number

    def read(value: Any, _: Any) -> int:
        known = numbers.get(value) if type(value) is str else None
        return read_number(value, _) if known is None else known

    schema = {"anyOf": [{"enum": list(numbers)}, number.schema]}
    return Form(schema, read, lambda value: names.get(value, value))


def choice(kind: type[IntEnum]) -> Form:
    """A member of an enum by its name in lower case."""
    names = {member: member.name.lower() for member in kind}
    numbers = {name: member for member, name in names.items()}

    def read(value: Any, _: Any) -> IntEnum:
        if type(value) is not str or value not in numbers:
            raise ValueError(f"not one of {', '.join(numbers)}: {value!r}")
        return numbers[value]

    return Form({"enum": list(numbers)}, read, lambda value: names[kind(value)])


def names_of_bits(bits: dict[str, int]) -> Form:
    """The bits that are set, by name."""

    def read(value: Any, _: Any) -> int:
        if type(value) is not list or not all(type(name) is str and name in bits for name in value):
            raise ValueError(f"not a list of {', '.join(bits)}: {value!r}")
        return sum(bits[name] for name in set(value))

    def write(value: int) -> list[str]:
        return [name for name, bit in bits.items() if value & bit]

    return Form({"type": "array", "items": {"enum": list(bits)}, "uniqueItems": True}, read, write)


TIME_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z$"
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z", re.ASCII)


def _read_time(text: Any, _: Any) -> int:
    match = _TIME.fullmatch(text)
    if not match or text < "1970":
        raise ValueError(f"not a time: {text!r}")
    moment = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
    return int(moment.timestamp()) * 10**9 + int(match[2])


def time_text(time_ns: int) -> str:
    """Nanoseconds since 1970 as every line of JSON has a time: RFC 3339 in UTC."""
    seconds, nanoseconds = divmod(time_ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09}Z"


_TIME_SCHEMA = {"type": "string", "pattern": TIME_PATTERN}
TIME = Form(_TIME_SCHEMA, _read_time, time_text).described("UTC, nanoseconds: sorts as text")

_ESCAPED = re.compile(rb"\\(\\|x[0-9a-f]{2})")


def _read_comm(text: Any, _: Any) -> bytes:
    if type(text) is not str:
        raise TypeError(f"not a text: {text!r}")
    return _ESCAPED.sub(
        lambda match: b"\\" if match[1] == b"\\" else bytes([int(match[1][1:], 16)]), text.encode()
    )


def comm_text(comm: bytes) -> str:
    """Bytes that a program chose as JSON has them: no two give the same text."""
    return comm.replace(b"\\", rb"\\").decode("utf-8", "backslashreplace")


COMM = Form(TEXT.schema, _read_comm, comm_text).described(
    r"every byte is kept: what is not UTF-8 is \xNN, a backslash two"
)


def _read_hex(text: Any, _: Any) -> bytes:
    value = bytes.fromhex(text)
    if value.hex() != text:  # fromhex() also takes capitals and spaces
        raise ValueError(f"not hexadecimal: {text!r}")
    return value


HEX = Form({"type": "string", "pattern": "^([0-9a-f]{2}){0,108}$"}, _read_hex, bytes.hex)
