"""The published JSON schemas (listenwatch/schemas): a file for each kind of line and each version of it."""

import json
from importlib.resources import files
from typing import Any, NamedTuple

from listenwatch.errors import UsageError


class Published(NamedTuple):
    """A schema: ``identity`` is what the key ``schema`` of its lines says, ``text`` the whole file."""

    file: str
    identity: str
    description: str
    text: str

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be asked for by: ``listenwatch/call/3``, ``call-3``, ``call``."""
        stem = self.file.removesuffix(".json")
        return self.identity, stem, stem.rpartition("-")[0]


def published() -> list[Published]:
    """All of them by name, of several versions the newest first."""
    folder = files("listenwatch") / "schemas"
    schemas = [_read(path.name, path.read_text(encoding="utf-8")) for path in folder.iterdir() if path.name.endswith(".json")]
    schemas.sort(key=lambda schema: _version(schema.file), reverse=True)
    return sorted(schemas, key=lambda schema: schema.names[2])


def _version(file: str) -> int:
    return int(file.removesuffix(".json").rpartition("-")[2])


def _read(file: str, text: str) -> Published:
    fields: dict[str, Any] = json.loads(text)
    return Published(file, fields["title"], fields["description"], text)


def choose(name: str) -> Published:
    """The one of this name, the newest where no version is given; UsageError where there is none."""
    for schema in published():
        if name in schema.names:
            return schema
    raise UsageError(f"no schema '{name}': 'listenwatch schema' lists them")
