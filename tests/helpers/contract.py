"""The JSON contract: a line says which published schema describes it, and holds what that says, no less and no more."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator

from listenwatch.report.schemas import choose


@cache
def validator(identity: str) -> Draft202012Validator:
    """What judges the lines that say this in ``schema``."""
    return Draft202012Validator(json.loads(choose(identity).text))


def fits(line: dict[str, Any]) -> dict[str, Any]:
    """The line, which fits its schema."""
    assert next(iter(line)) == "schema", line
    wrong = next(validator(line["schema"]).iter_errors(line), None)
    assert wrong is None, f"{wrong.instance_path}: {wrong.message} in {line}"
    json.dumps(line, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    return line


def fit(text: str) -> list[dict[str, Any]]:
    """Every line of an output, each of which fits its schema."""
    return [fits(json.loads(line)) for line in text.splitlines()]


def of(lines: Iterable[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Those of a kind, such as ``listener``."""
    return [line for line in lines if line["schema"].split("/")[1] == name]
