"""Which reader a configuration is for, by its name and by what is in it."""

import re
from collections.abc import Callable
from pathlib import Path

from listenwatch.configs import containers, haproxy, nginx, postgres, redis, systemd
from listenwatch.configs.declared import Declared, read
from listenwatch.errors import UsageError
from listenwatch.linux.terminal import escape

READERS: dict[str, Callable[[Path], list[Declared]]] = {
    "nginx": nginx.declared, "redis": redis.declared, "haproxy": haproxy.declared, "postgres": postgres.declared,
    "systemd": systemd.declared, "containers": containers.declared,
}  # fmt: skip
"""By the word that ``check --as`` takes."""
_NAMES = (
    (r".*\.socket", "systemd"),
    (r".*\.ya?ml", "containers"),
    (r"nginx.*\.conf", "nginx"),
    (r"(redis|valkey).*\.conf", "redis"),
    (r"haproxy.*\.(cfg|conf)", "haproxy"),
    (r"postgresql.*\.conf(\.sample)?", "postgres"),
)
_CONTENTS = (
    (r"^\[Socket\]", "systemd"),
    (r"^\s*(tcp-backlog|protected-mode|appendonly)\s", "redis"),
    (r"^\s*#?\s*(max_connections|listen_addresses)\s*=", "postgres"),
    (r"^\s*(http|stream|mail|server)\s*\{", "nginx"),
    (r"^(frontend|listen|defaults|global)\b", "haproxy"),
)


def declared(path: Path, kind: str | None = None) -> list[Declared]:
    """The listeners that a configuration declares; UsageError where it cannot be read, or is of no known server."""
    return READERS[kind or kind_of(path)](path)


def kind_of(path: Path) -> str:
    """The word of READERS for a file."""
    for pattern, kind in _NAMES:
        if re.fullmatch(pattern, path.name):
            return kind
    text = read(path)
    for pattern, kind in _CONTENTS:
        if re.search(pattern, text, re.MULTILINE):
            return kind
    raise UsageError(f"{escape(str(path))}: not known whose configuration this is: say it by --as {', '.join(READERS)}")
