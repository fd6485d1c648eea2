"""The published schemas are made from the declarations, say the same thing by the same name, and are printed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from listenwatch import cli
from listenwatch.report.schemas import choose, published
from tests.helpers.schema import FOLDER
from tests.helpers.schema import published as made

PUBLISHED = {schema.file: json.loads(schema.text) for schema in published()}
KEPT = "recording-2.json"
"""What earlier versions wrote."""


def test_they_are_what_the_declarations_say() -> None:
    files = {path.name: path.read_text() for path in FOLDER.iterdir() if path.name != KEPT}
    assert files == made(), "python -m tests.helpers.schema"


@pytest.mark.parametrize("file", PUBLISHED)
def test_each_is_a_schema(file: str) -> None:
    Draft202012Validator.check_schema(PUBLISHED[file])


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object that a schema describes key by key."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield schema
        for value in schema.values():
            yield from objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects(value)


@pytest.mark.parametrize("file", PUBLISHED)
def test_no_key_is_free(file: str) -> None:
    for described in objects(PUBLISHED[file]):
        assert file == KEPT or described["additionalProperties"] is False


OTHERWISE = {
    "schema": "of each line its own",
    "summary": "of each command its own",
    "kernel": "in features the group of answers about it",
    "attach": "in features the group of answers about it",
    "listeners": "in sockets' summary how many, in overflow's which",
    "state": "in a call a name, or a number without one; of predicted null without a socket",
    "rules": "of a summary how often, of a prediction which, of a difference by which",
    "behaviour": "in words, or field by field",
    "skipped": "how often the kernel skipped the probe; which scenarios, why not this exercise",
    "stages": "of a call as observed, of its prediction",
    "seen": "of a counter, of a stable tree, of an input that moved",
    "commits": "with the field or below it",
    "predicted": "of a call its outcome, of a difference a value",
    "used": "a value of any kind", "observed": "a value of any kind", "value": "a value of any kind",
    "kind": "of a rule, of a loss", "answer": "yes or no of a feature, what a connection gets",
    "advice": "of a listener its own, of a summary all of them",
    "counters": "of a summary with their numbers, of a prediction those that move",
    "reasons": "of a history each, of a summary how often each",
    "steps": "of a prediction the kernel's, of an advice the reader's",
}  # fmt: skip
"""Keys that one name means several things by, each with the reason."""


def kind_of(value: dict[str, Any], definitions: dict[str, Any]) -> str:
    """What values a key has, whether or not it may be null."""
    for form in value.get("anyOf", [])[:1]:
        if value["anyOf"][1:] == [{"type": "null"}]:
            return kind_of(form, definitions)
    kind = value.get("type")
    if "$ref" in value:
        return kind_of(definitions[value["$ref"].rpartition("/")[2]], definitions)
    if kind == "array":
        return f"list of {kind_of(value['items'], definitions)}"
    return str([each for each in kind if each != "null"] if isinstance(kind, list) else kind)


def _without_kernels_own(schema: dict[str, Any]) -> dict[str, Any]:
    """A call's ``pre``, ``post``, ``stages`` and ``environment`` have the kernel's numbers by the kernel's names."""
    kept = {name: each for name, each in schema.get("$defs", {}).items() if name not in ("Socket", "StageRecord", "Environment")}
    return {**schema, "$defs": kept}


def test_a_name_means_the_same_everywhere() -> None:
    kinds: dict[str, set[str]] = defaultdict(set)
    for file, schema in PUBLISHED.items():
        if file != KEPT:
            for described in objects(_without_kernels_own(schema)):
                for key, value in described["properties"].items():
                    kinds[key].add(kind_of(value, schema.get("$defs", {})).replace("['integer']", "integer").replace("['string']", "string"))
    several = {key: kind for key, kind in kinds.items() if len(kind) > 1}
    assert {key: kind for key, kind in several.items() if key not in OTHERWISE} == {}


@pytest.mark.parametrize("name", ["call", "call-3", "listenwatch/call/3"])
def test_one_is_printed_by_any_of_its_names(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema", name]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "listenwatch/call/3"


def test_the_newest_is_meant_where_no_version_is_given() -> None:
    assert choose("recording").identity == "listenwatch/recording/3"
    assert choose("recording-2").identity == "listenwatch/recording/2"


def test_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema"]) == 0
    out = capsys.readouterr().out
    assert {schema["title"] for schema in PUBLISHED.values()} == {line for line in out.splitlines() if line[0] != " "}
    assert max(map(len, out.splitlines())) <= 80


def test_none_of_that_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema", "nothing"]) == 2
    assert "'listenwatch schema' lists them" in capsys.readouterr().err
