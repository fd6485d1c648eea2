"""Reads what the standalone program printed: facts, line by line (docs: reference/answers.md)."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import attrs
from cattrs import Converter, transform_error
from cattrs.errors import ForbiddenExtraKeysError

from listenwatch.errors import RecordingError
from listenwatch.linux.terminal import escape

SCHEMA = "listenwatch/answers/1"
MOST_CONNECTIONS = 65535
"""More than one address can have."""
_LOWEST, _HIGHEST = -(2**31), 2**32 - 1
_LONGEST_LINE = 1 << 16


@attrs.frozen(kw_only=True)
class Header:
    """Whose answers these are: uname(2), what the program was compiled for, and whose its network namespace was."""

    schema: str
    sysname: str
    release: str
    version: str
    machine: str
    program: str
    namespace: str


@attrs.frozen(kw_only=True)
class Look:
    """A socket as it was seen at one moment; None: not seen."""

    accepts: int | None = None
    port: int | None = None
    has_name: bool | None = None
    has_peer: bool | None = None
    tcpi_state: int | None = None
    tcpi_unacked: int | None = None
    tcpi_sacked: int | None = None
    tcpi_segs: int | None = None
    proc_lists: bool | None = None
    proc_queue: int | None = None


@attrs.frozen(kw_only=True)
class OfSocket:
    """What every line of a socket has: its kind, the backlog asked for last, and the sysctls (None: not read)."""

    case: str
    family: int
    type: int
    protocol: int
    asked: int
    somaxconn: int | None = None
    fastopen: int | None = None
    max_syn_backlog: int | None = None
    syncookies: int | None = None
    abort_on_overflow: int | None = None


@attrs.frozen(kw_only=True)
class Listen(OfSocket):
    """One listen(): what the descriptor was, what the case knows of the socket, a look before, the result, one after."""

    is_file: bool
    is_socket: bool
    result: int
    is_path: bool = False
    port_free: bool | None = None
    waiting: int | None = None
    never_connected: bool | None = None
    failed_before: bool | None = None
    pre: Look | None = None
    post: Look | None = None


@attrs.frozen(kw_only=True)
class Fill(OfSocket):
    """Connections that nobody accepted: how many got through one after another until one did not, and what waited."""

    attempted: int
    connected: int
    accepted: int
    error: int
    milliseconds: int
    queue: int | None = None
    counters: dict[str, int | None] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Shrunk:
    """How many connections were accepted after a smaller backlog was asked for."""

    case: str
    family: int
    type: int
    protocol: int
    waiting: int
    accepted: int


@attrs.frozen(kw_only=True)
class Written:
    """A number written to a sysctl, the result, and what it then said."""

    file: str
    value: int
    result: int
    read: int | None = None


@attrs.frozen(kw_only=True)
class Default:
    """What a sysctl said at the beginning."""

    file: str
    value: int | None = None


@attrs.frozen(kw_only=True)
class NotTried:
    """What a case could not do, and the result that stopped it."""

    case: str
    what: str
    result: int


Answer = Listen | Fill | Shrunk | Written | Default | NotTried
KINDS: dict[str, type[Answer]] = {
    "listen": Listen, "fill": Fill, "shrunk": Shrunk, "write": Written, "default": Default, "not-tried": NotTried,
}  # fmt: skip


class Answers(NamedTuple):
    """All of one run: the header, and each line with its number in the file."""

    header: Header
    lines: tuple[tuple[int, Answer], ...]


def _number(value: Any, _: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"not a whole number: {value!r}")
    if not _LOWEST <= value <= _HIGHEST:
        raise ValueError(f"out of range: {value}")
    return value


def _flag(value: Any, _: Any) -> bool:
    if type(value) is not bool:
        raise TypeError(f"not true or false: {value!r}")
    return value


def _text(value: Any, _: Any) -> str:
    if type(value) is not str:
        raise TypeError(f"not a text: {value!r}")
    return value


_converter = Converter(forbid_extra_keys=True)
for _kind, _reader in ((int, _number), (bool, _flag), (str, _text)):
    _converter.register_structure_hook(_kind, _reader)


def read_answers(stream: Iterable[bytes], name: str) -> Answers:
    """The answers in a file; RecordingError names the line that is damaged. Lines of others (a console's) are passed by."""
    header, lines, ended, number, counted = None, [], False, 0, 0
    for number, raw in enumerate(stream, start=1):
        if not raw.lstrip().startswith(b"{"):
            continue
        counted += 1
        fields = _parsed(raw, name, number)
        if ended:
            raise _error(name, number, "more follows the end: one run at a time")
        if header is None:
            header = _header(fields, name, number)
        elif fields.get("kind") == "end":
            ended = True
            if fields.get("lines") != counted:
                raise _error(name, number, f"the end counts {fields.get('lines')} lines, {counted} are here")
        else:
            lines.append((number, _answer(fields, name, number)))
    if header is None:
        raise _error(name, number or 1, "no answers of the conformance program: 'listenwatch conformance --build DIR' makes it")
    if not ended:
        raise _error(name, number + 1, "the answers end without their last line: they were cut")
    return Answers(header, tuple(lines))


def _parsed(raw: bytes, name: str, number: int) -> dict[str, Any]:
    try:
        if len(raw) > _LONGEST_LINE:
            raise ValueError
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        raise _error(name, number, "not JSON") from None
    if not isinstance(fields, dict):
        raise _error(name, number, "not a JSON object")
    return fields


def _header(fields: dict[str, Any], name: str, number: int) -> Header:
    if fields.get("schema") != SCHEMA:
        what = "'listenwatch conformance --build DIR' makes the program whose answers begin so"
        raise _error(name, number, f"not answers of schema {SCHEMA}: {what}")
    header: Header = _structured(fields, Header, name, number)
    return header


def _answer(fields: dict[str, Any], name: str, number: int) -> Answer:
    kind = fields.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise _error(name, number, f"no such kind: {kind!r} (there are {', '.join(KINDS)}, end)")
    answer: Answer = _structured(fields, KINDS[kind], name, number)
    if isinstance(answer, Fill) and not 0 <= answer.connected <= answer.attempted <= MOST_CONNECTIONS:
        raise _error(name, number, f"damaged: {answer.connected} of {answer.attempted} connections")
    if isinstance(answer, OfSocket) and answer.asked >= 2**31:
        raise _error(name, number, f"damaged: no backlog of listen(): {answer.asked}")
    return answer


def _structured(fields: dict[str, Any], kind: Any, name: str, number: int) -> Any:
    try:
        return _converter.structure(fields, kind)
    except Exception as error:  # an ExceptionGroup of whatever the readers raise
        what = transform_error(error, format_exception=_what)[0]
        raise _error(name, number, f"damaged ({what})") from None


def _what(error: BaseException, _: type | None) -> str:
    if isinstance(error, ForbiddenExtraKeysError):
        return f"not a key: {', '.join(sorted(error.extra_fields))}"
    return f"missing: {error}" if isinstance(error, KeyError) else str(error)


def _error(name: str, number: int, what: str) -> RecordingError:
    return RecordingError(f"{name}:{number}: {escape(what)}")
