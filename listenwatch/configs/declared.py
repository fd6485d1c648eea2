"""A listener as a configuration declares it, and what all readers of configurations share."""

import re
import shlex
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from listenwatch.errors import ListenwatchError, UsageError
from listenwatch.linux.terminal import escape


class Origin(Enum):
    """Where the backlog comes from."""

    GIVEN = "given"
    SETTING = "setting"
    DEFAULT = "default"
    UNKNOWN = "unknown"


class Where(NamedTuple):
    """A place in a configuration; ``line`` is None where only the file is known."""

    file: str
    line: int | None = None

    @property
    def text(self) -> str:
        """For messages: ``file:line``, escaped."""
        return escape(self.file) + (f":{self.line}" if self.line else "")


class Declared(NamedTuple):
    """A listener that a server is going to make.

    ``server`` is a name of ``sockets.servers``, or what the configuration calls it. ``local`` is the address as the
    configuration has it, empty for one that it does not know. ``backlog`` is what the server is going to pass to listen(), as
    the configuration writes it (4294967295 and -1 are the same to the kernel), None where that depends on what is not there:
    ``setting`` says on what. ``where`` is the line of the backlog or of what decides it, else that of the listener. ``somaxconn`` is that of the container it describes; None: that of where it runs.
    """

    server: str
    family: str
    local: str
    port: int | None
    backlog: int | None
    origin: Origin
    where: Where
    setting: str = ""
    somaxconn: int | None = None
    in_container: bool = False


class BadConfiguration(UsageError):
    """A file that is not what it is taken for; the message names it and the line."""


class LibraryMissing(ListenwatchError):
    """A format needs a library that is not installed."""

    status = 2


def read(path: Path) -> str:
    """The text of a configuration; UsageError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"cannot read {escape(str(path))}: {error.strerror}") from None


def lines_of_words(path: Path, *, comments: bool) -> Iterator[tuple[Where, list[str]]]:
    """The words of each line, quoted as a shell has them; ``#`` begins a comment anywhere, or only a line that is one."""
    for line, text in enumerate(read(path).splitlines(), 1):
        where = Where(str(path), line)
        try:
            words = [] if text.lstrip().startswith("#") else shlex.split(text, comments=comments)
        except ValueError as error:
            raise BadConfiguration(f"{where.text}: {error}") from None
        if words:
            yield where, words


def number(text: str, where: Where, name: str, least: int = -(2**31), most: int = 2**32 - 1) -> int:
    """A number of a configuration; BadConfiguration for anything else."""
    if not re.fullmatch(r"-?\d{1,10}", text, re.ASCII) or not least <= int(text) <= most:
        raise BadConfiguration(f"{where.text}: {name} is no number that listen() takes: {escape(text)!r}")
    return int(text)


def address(text: str, port: int) -> tuple[str, str]:
    """Family and text of an address and a port: ``0.0.0.0:80``, ``[::]:80``; ``*`` stands for all of IPv4."""
    host = text.strip("[]")
    if ":" in host:
        return "tcp6", f"[{host}]:{port}"
    return "tcp", f"{'0.0.0.0' if host in ('', '*') else host}:{port}"


def settings(text: str, separator: str) -> Mapping[str, tuple[int, str]]:
    """``name separator value`` lines, the last of each name with its line number; ``#`` begins a comment."""
    result: dict[str, tuple[int, str]] = {}
    for line, content in enumerate(text.splitlines(), 1):
        match = re.match(rf"\s*([\w.-]+)(?:{separator})(.*)", content)
        if match:
            value = re.split(r"\s#", match[2])[0].strip().strip("'\"")
            result[match[1].lower()] = line, value
    return result
