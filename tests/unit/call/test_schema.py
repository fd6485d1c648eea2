"""The published schema of a call is the one the reader and the writer are made from, and says the same as they do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from listenwatch.call.codec import call_from_json, call_to_json
from listenwatch.call.line import KEYS
from listenwatch.call.record import ListenCall
from tests.helpers.calls import SAMPLES, call, calls
from tests.helpers.schema import SCENARIO_KEYS, VERDICT_KEYS, call_schema

VALIDATOR = Draft202012Validator(call_schema())


def line_of(each: ListenCall) -> dict[str, Any]:
    """A line of a vector, as a reader gets it."""
    line: dict[str, Any] = json.loads(json.dumps({"scenario": "", **call_to_json(each)}))
    return line


@given(calls())
def test_every_call_fits(each: ListenCall) -> None:
    VALIDATOR.validate(line_of(each))


def test_keys_and_properties_are_the_same() -> None:
    properties = call_schema()["properties"]
    assert [key for key in properties if key in KEYS] == list(KEYS) == list(call_to_json(call()))
    assert set(properties) - set(KEYS) == {*VERDICT_KEYS, *SCENARIO_KEYS, "predicted"}


def places(value: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of everything in a line."""
    inner = value.items() if isinstance(value, dict) else ()
    return [place for key, item in inner for place in [(*path, key), *places(item, (*path, key))]]


junk = (
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.sampled_from([-1, 0, 1, 255, 256, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**64])
    | st.sampled_from(["", "CLOSE", "LISTEN", "UNCONNECTED", "syscall", "file", "7f000001", "7F", "zz"])
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer())
    | st.text(max_size=5)
    | st.lists(st.sampled_from(["file", "hash", "x", 1]), unique=True, max_size=2)
    | st.dictionaries(st.sampled_from(["state", "hash", "x"]), st.integers(0, 9), max_size=2)
)
NEVER_READ = {"schema", *(key for key, form in KEYS.items() if form.read is None)}


@given(st.data())
def test_what_is_read_fits_and_what_fits_is_read(data: st.DataObject) -> None:
    """Any value in any place of a line: the reader and the schema refuse the same.

    The schema does not say which of the texts of an address or a time are one.
    """
    line = line_of(data.draw(st.sampled_from(SAMPLES)))
    place = data.draw(st.sampled_from(places(line)))
    owner = line
    for key in place[:-1]:
        owner = owner[key]
    if data.draw(st.booleans(), label="take out"):
        del owner[place[-1]]
    else:
        owner[data.draw(st.sampled_from([place[-1], "strange"]))] = data.draw(junk)
    try:
        call_from_json(line)
    except ValueError as error:
        assert not VALIDATOR.is_valid(line) or str(error).endswith((" @ $.address", " @ $.time"))
    else:
        unread = place[0] in NEVER_READ or place == ("scenario",) or "strange" in line
        assert VALIDATOR.is_valid(line) or unread


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"differences": [{"place": "return", "field": "result", "predicted": 0, "observed": -22}]}, True),
        ({"differences": [{"field": "result", "predicted": "0", "observed": "-22"}]}, False),
        ({"moved": [{"input": "state", "seen": ["CLOSE", "SYN_SENT"], "used": "CLOSE"}]}, True),
        ({"moved": [{"input": "somaxconn", "seen": [128], "used": 128}]}, False),
        ({"verdict": "MAYBE"}, False),
        ({"rule": None}, False),
    ],
)
def test_a_judged_call(change: dict[str, Any], fits: bool) -> None:
    verdict: dict[str, Any] = {"verdict": "AGREE", "rule": "listens", "backlog_rule": "kept", "excuse": None, "reason": "", "differences": [], "moved": []}
    line = call_to_json(call()) | verdict | change
    assert VALIDATOR.is_valid(json.loads(json.dumps(line))) is fits
    del line["verdict"]
    assert not VALIDATOR.is_valid(json.loads(json.dumps(line)))
