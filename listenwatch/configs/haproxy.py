"""haproxy.cfg: sections, and in them lines of a keyword and its arguments."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from listenwatch.configs.declared import (
    BadConfiguration,
    Declared,
    Origin,
    Where,
    address,
    lines_of_words,
    number,
)
from listenwatch.linux.terminal import escape

_SECTIONS = (
    "global", "defaults", "frontend", "listen", "backend", "peers", "resolvers", "userlist", "mailers", "program", "cache",
    "fcgi-app", "http-errors", "log-forward", "ring", "crt-store", "traces",
)  # fmt: skip
_STATS_BACKLOG = 10
"""Of ``stats socket``: its frontend's maxconn, unless the line has another."""


class _Number(NamedTuple):
    where: Where
    value: int


class _Backlog(NamedTuple):
    """What a bind asks for, and where that is written: the bind's own line, or that of another setting."""

    value: int | None
    origin: Origin
    where: Where
    setting: str = ""


class _Bind(NamedTuple):
    where: Where
    address: str
    options: list[str]


class _Section:
    def __init__(self, kind: str, inherited: dict[str, _Number]) -> None:
        self.kind, self.numbers, self.binds = kind, dict(inherited), list[_Bind]()


def declared(path: Path) -> list[Declared]:
    """The addresses of each ``bind``, and the ``stats socket``."""
    result, everything = [], list(_sections(path))
    overall = next((section.numbers.get("maxconn") for section in everything if section.kind == "global"), None)
    for section in everything:
        for bind in section.binds:
            backlog = _backlog(bind, section, overall)
            for text in bind.address.split(","):
                listener = _address(text)
                if listener:
                    result.append(Declared("HAProxy", *listener, backlog.value, backlog.origin, backlog.where, backlog.setting))
    return result


def _backlog(bind: _Bind, section: _Section, overall: _Number | None) -> _Backlog:
    """``listener_backlog()``, src/listener.c: of the bind line, of the frontend, and then what may connect at once."""
    options = dict(zip(bind.options, bind.options[1:], strict=False))
    if "backlog" in options:
        return _Backlog(number(options["backlog"], bind.where, "backlog"), Origin.GIVEN, bind.where)
    if given := section.numbers.get("backlog"):
        return _Backlog(given.value, Origin.GIVEN, given.where)
    if "maxconn" in options:
        return _Backlog(number(options["maxconn"], bind.where, "maxconn"), Origin.SETTING, bind.where, "maxconn")
    if section.kind == "global":
        return _Backlog(_STATS_BACKLOG, Origin.DEFAULT, bind.where)
    if limit := section.numbers.get("maxconn", overall):
        return _Backlog(limit.value, Origin.SETTING, limit.where, "maxconn")
    return _Backlog(None, Origin.UNKNOWN, bind.where, "maxconn")


def _address(text: str) -> tuple[str, str, int | None] | None:
    """Family, address and port; None for what it does not listen on itself."""
    kind, _, rest = text.rpartition("@")
    if kind in ("fd", "sockpair") or kind.startswith(("quic", "udp")):
        return None
    if rest.startswith("/") or kind in ("unix", "abns"):
        return "unix", f"@{rest}" if kind == "abns" else rest, None
    host, _, port = rest.rpartition(":")
    first = port.split("-")[0]
    if not first.isdecimal():
        return None
    family, local = address("::" if kind == "ipv6" and host in ("", "*") else host, int(first))
    return family, local, int(first)


def _sections(path: Path) -> Iterator[_Section]:
    defaults: dict[str, _Number] = {}
    section: _Section | None = None
    for where, words in lines_of_words(path, comments=True):
        keyword, *arguments = words
        if keyword in _SECTIONS:
            if section:
                yield section
            if section and section.kind == "defaults":
                defaults = section.numbers
            section = _Section(keyword, defaults if keyword in ("frontend", "listen") else {})
        elif section is None:
            raise BadConfiguration(f"{where.text}: not HAProxy's: '{escape(keyword)}' before any section")
        elif keyword in ("maxconn", "backlog") and arguments:
            section.numbers[keyword] = _Number(where, number(arguments[0], where, keyword))
        elif keyword == "bind" and arguments:
            section.binds.append(_Bind(where, arguments[0], arguments[1:]))
        elif words[:2] == ["stats", "socket"] and len(words) > 2:
            section.binds.append(_Bind(where, words[2], words[3:]))
    if section:
        yield section
