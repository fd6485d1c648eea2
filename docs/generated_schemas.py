"""The tables of what JSON lines hold, from the published schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from docs.prose import prose
from listenwatch.report.schemas import published

Schema = dict[str, Any]
BY_HAND = ("call", "unrecorded-call")
"""Described on the page itself, at greater length than their schemas do."""


def schemas() -> str:
    """A section for each kind of line, the newest version of each."""
    newest = {schema.names[2]: schema for schema in reversed(published())}
    return "\n".join(
        line
        for name, schema in sorted(newest.items())
        if name not in BY_HAND
        for line in _section(name, json.loads(schema.text))
    )


def _section(name: str, schema: Schema) -> Iterator[str]:
    yield f"### {name} {{#schema-{name}}}\n\n{prose(schema['description'])} `schema`: `{schema['title']}`.\n"
    yield from _table(schema)
    for inner, definition in schema.get("$defs", {}).items():
        yield f"`{inner}`: {prose(definition['description'])}\n"
        yield from _table(definition)


def _table(schema: Schema) -> Iterator[str]:
    yield "| key | type | meaning |\n| --- | --- | --- |"
    for key, value in schema["properties"].items():
        if key != "schema":
            optional = "" if key in schema["required"] else "may be missing; "
            yield f"| `{key}` | {_type(value)} | {optional}{prose(value.get('description', ''))} |"
    yield ""


def _type(value: Schema) -> str:
    match value:
        case {"anyOf": [kind, _]}:
            return f"{_type(kind)} or `null`"
        case {"enum": values}:
            return ", ".join(f"`{each}`" for each in values)
        case {"$ref": reference}:
            return f"`{reference.rpartition('/')[2]}`"
        case {"type": "array", "items": items}:
            return f"list of {_type(items) or 'any'}"
        case {"type": "object", "additionalProperties": values}:
            return f"object of {_type(values)}"
        case {"type": kind}:
            return str(kind)
    return ""
