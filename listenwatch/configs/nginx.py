"""nginx.conf and what it includes, as crossplane parses it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from listenwatch.configs.declared import (
    BadConfiguration,
    Declared,
    LibraryMissing,
    Origin,
    Where,
    address,
    number,
    read,
)
from listenwatch.linux.terminal import escape
from listenwatch.sockets.servers import default_of

_SERVERS = ("http", "stream", "mail")
_DEFAULT_PORT = 80


def declared(path: Path) -> list[Declared]:
    """Each address once: servers of one address share its socket, and one of them may set its backlog."""
    read(path)
    by_local: dict[str, Declared] = {}
    for each in _listeners(_parsed(path), ()):
        known = by_local.get(each.local)
        if known is None or (known.origin is Origin.DEFAULT and each.origin is Origin.GIVEN):
            by_local[each.local] = each
    return list(by_local.values())


def _parsed(path: Path) -> list[dict[str, Any]]:
    try:
        import crossplane
    except ImportError:
        raise LibraryMissing("nginx's configuration is read by crossplane: pip install 'listenwatch[check]'") from None
    payload = crossplane.parse(str(path), combine=True, strict=False, check_ctx=False)
    for error in payload["errors"]:
        place = f"{error.get('file') or path}:{error.get('line') or 1}"
        text = re.sub(r" in \S+:\d+$", "", str(error["error"]))
        raise BadConfiguration(f"{escape(place)}: no configuration of nginx: {escape(text) or 'it cannot be read as one'}")
    directives: list[dict[str, Any]] = payload["config"][0]["parsed"]
    return directives


def _listeners(directives: list[dict[str, Any]], blocks: tuple[str, ...]) -> Iterator[Declared]:
    for directive in directives:
        name, where = directive["directive"], Where(directive["file"], directive["line"])
        if name == "listen" and directive["args"]:
            yield from _listener(directive["args"], where)
        inner = directive.get("block") or []
        if name == "server" and blocks[-1:] == ("http",) and not any(d["directive"] == "listen" for d in inner):
            yield from _listener([str(_DEFAULT_PORT)], where)
        yield from _listeners(inner, (*blocks, name))


def _listener(arguments: list[str], where: Where) -> Iterator[Declared]:
    what, *options = arguments
    if {"quic", "udp"} & set(options):
        return
    backlog, origin = default_of("nginx"), Origin.DEFAULT
    for option in options:
        if option.startswith("backlog="):
            backlog, origin = number(option.removeprefix("backlog="), where, "backlog"), Origin.GIVEN
    if what.startswith("unix:"):
        yield Declared("nginx", "unix", what.removeprefix("unix:"), None, backlog, origin, where)
        return
    host, port = _split(what)
    family, local = address(host, port)
    yield Declared("nginx", family, local, port, backlog, origin, where)


def _split(text: str) -> tuple[str, int]:
    """``80``, ``127.0.0.1``, ``localhost:8000``, ``[::]:80``."""
    if text.isdecimal():
        return "", int(text)
    host, _, port = text.rpartition(":")
    if port.isdecimal() and (not host or host.endswith("]") or ":" not in host):
        return host, int(port)
    return text, _DEFAULT_PORT
