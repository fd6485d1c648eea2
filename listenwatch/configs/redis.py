"""redis.conf and valkey.conf: lines of a name and its values, and other files it includes."""

from pathlib import Path

from listenwatch.configs.declared import (
    BadConfiguration,
    Declared,
    Origin,
    Where,
    address,
    lines_of_words,
    number,
)
from listenwatch.sockets.servers import default_of

_DEPTH = 10


def declared(path: Path) -> list[Declared]:
    """``port`` and ``tls-port`` on each address of ``bind``, and ``unixsocket``: all with the one ``tcp-backlog``."""
    values = _values(path, 0)
    nowhere = Where(str(path))
    backlog, origin, given = default_of("redis"), Origin.DEFAULT, None
    if "tcp-backlog" in values:
        given, (text, *_) = values["tcp-backlog"]
        backlog, origin = number(text, given, "tcp-backlog", least=0, most=2**31 - 1), Origin.GIVEN
    result = []
    for name, usual in (("port", ["6379"]), ("tls-port", ["0"])):
        where, (text, *_) = values.get(name, (nowhere, usual))
        port = number(text, where, name, 0, 65535)
        hosts = values.get("bind", (nowhere, ["*", "-::*"]))[1] if port else []
        for host in hosts:
            family, local = address(host.removeprefix("-").replace("::*", "::"), port)
            result.append(Declared("redis", family, local, port, backlog, origin, given or where))
    if "unixsocket" in values:
        where, (file, *_) = values["unixsocket"]
        result.append(Declared("redis", "unix", file, None, backlog, origin, given or where))
    return result


def _values(path: Path, depth: int) -> dict[str, tuple[Where, list[str]]]:
    """The last of each name, files that are included in their places."""
    result: dict[str, tuple[Where, list[str]]] = {}
    for where, (word, *arguments) in lines_of_words(path, comments=False):
        name = word.lower()
        if not arguments:
            continue
        if name == "include":
            for file in sorted(path.parent.glob(arguments[0])) if not arguments[0].startswith("/") else [Path(arguments[0])]:
                if depth == _DEPTH:
                    raise BadConfiguration(f"{where.text}: it includes itself")
                result |= _values(file, depth + 1)
        else:
            result[name] = where, arguments
    return result
