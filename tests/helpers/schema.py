"""The published JSON schemas (listenwatch/schemas), made from the declarations of the lines.

``python -m tests.helpers.schema`` publishes them afresh; whoever only reads and writes lines needs none
of this, so it is no part of the package. ``recording-2.json`` describes what versions before 0.2 wrote,
and is kept as it was.
"""

from __future__ import annotations

import inspect
import json
import types
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from listenwatch.call.forms import NUMBER_SCHEMAS, TEXT, Form, Schema
from listenwatch.call.keys import Only
from listenwatch.call.line import KEYS, OPTIONAL, STRUCTS
from listenwatch.call.recording import HeaderLine
from listenwatch.labs.text import GradeLine
from listenwatch.report.answers_json import JudgedAnswerLine, JudgeSummaryLine
from listenwatch.report.behaviour_json import BehaviourLine
from listenwatch.report.declared import DeclaredLine
from listenwatch.report.features_json import FeaturesLine
from listenwatch.report.guests_json import OfferLine
from listenwatch.report.identify_json import IdentifiedLine
from listenwatch.report.judged import UNRECORDED
from listenwatch.report.listeners_json import ListenerLine, ListenersSummaryLine
from listenwatch.report.matrix.files import MatrixSummaryLine, ProblemLine
from listenwatch.report.overflow_json import OverflowLine, OverflowSummaryLine
from listenwatch.report.prediction_json import PredictionLine
from listenwatch.report.rules_json import EraLine, FieldLine, RuleLine
from listenwatch.report.runs.json_lines import HistoriesSummaryLine, ScenariosSummaryLine
from listenwatch.verdict.codec import SummaryLine
from tests import ROOT

FOLDER = ROOT / "listenwatch/schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
LINES: tuple[type, ...] = (
    HeaderLine, SummaryLine, ListenerLine, ListenersSummaryLine, OverflowLine, OverflowSummaryLine,
    ScenariosSummaryLine, HistoriesSummaryLine, ProblemLine, MatrixSummaryLine, PredictionLine, FeaturesLine,
    RuleLine, EraLine, FieldLine, GradeLine, OfferLine, IdentifiedLine, BehaviourLine, DeclaredLine,
    JudgedAnswerLine, JudgeSummaryLine,
)  # fmt: skip
"""Every declaration of a line except those of a call, whose declaration is ``listenwatch.call.line``."""
_PLAIN: dict[object, Schema] = {
    str: {"type": "string"}, int: {"type": "integer"}, float: {"type": "number"}, bool: {"type": "boolean"}, Any: {},
}  # fmt: skip


# ---- of a declaration --------------------------------------------------------------------------


def of_line(declared: type) -> Schema:
    """The whole schema of a TypedDict whose ``schema`` says what it is called."""
    definitions: dict[str, Schema] = {}
    schema = _of_object(declared, definitions)
    (identity,) = get_args(get_type_hints(declared)["schema"])
    return _published(identity, inspect.getdoc(declared) or "", schema, definitions)


def _of_object(declared: type, definitions: dict[str, Schema]) -> Schema:
    hints = get_type_hints(declared, include_extras=True)
    names = ["schema", *(name for name in hints if name != "schema")] if "schema" in hints else list(hints)
    optional = [name for name in names if get_origin(hints[name]) is NotRequired]
    return _object({name: _of_type(hints[name], definitions) for name in names}, optional)


def _of_type(kind: Any, definitions: dict[str, Schema]) -> Schema:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is NotRequired:
        return _of_type(arguments[0], definitions)
    if origin is Annotated:
        return _annotated(_of_type(arguments[0], definitions), kind.__metadata__)
    if origin is Literal:
        return {"const": arguments[0]}
    if origin in (Union, types.UnionType):
        return _or_null(_of_type(arguments[0], definitions))
    if origin is list:
        return {"type": "array", "items": _of_type(arguments[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of_type(arguments[1], definitions)}
    if is_typeddict(kind):
        if kind.__name__ not in definitions:
            definitions[kind.__name__] = {}
            definitions[kind.__name__] = {"description": inspect.getdoc(kind), **_of_object(kind, definitions)}
        return {"$ref": f"#/$defs/{kind.__name__}"}
    return dict(_PLAIN[kind])


def _annotated(schema: Schema, metadata: tuple[object, ...]) -> Schema:
    """With its values and the description, which is the last text."""
    for more in metadata:
        schema |= _of_values(more) if isinstance(more, Only) else {"description": more}
    return schema


def _of_values(only: Only) -> Schema:
    keywords = {
        "minimum": only.low, "maximum": only.high, "enum": only.of and list(only.of), "pattern": only.pattern,
        "minItems": only.length, "maxItems": only.length,
    }  # fmt: skip
    return {keyword: value for keyword, value in keywords.items() if value is not None}


def _or_null(schema: Schema) -> Schema:
    described = {"description": schema.pop("description")} if "description" in schema else {}
    return {"anyOf": [schema, {"type": "null"}], **described}


# ---- of a call ---------------------------------------------------------------------------------

_COUNT: Schema = {"type": "integer", "minimum": 0}
_VALUE: Schema = {"type": ["string", "number", "boolean", "null"]}
_NAMES: Schema = {"type": "array", "items": TEXT.schema}
VERDICT_KEYS: dict[str, Schema] = {
    "verdict": {"enum": ["AGREE", "DISAGREE", "INCONCLUSIVE", "UNMODELLED"]},
    "rule": {**TEXT.schema, "description": "how the call ended: an id of 'listenwatch rules'"},
    "backlog_rule": {**TEXT.schema, "description": "what became of the backlog: an id of 'listenwatch rules'"},
    "excuse": {**TEXT.or_null().schema, "description": "why an INCONCLUSIVE call proves nothing"},
    "differences": {"type": "array", "items": {"$ref": "#/$defs/Difference"}, "description": "of a disagreement"},
    "moved": {"type": "array", "items": {"$ref": "#/$defs/Moved"}, "description": "inputs that others changed during the call"},
    "reason": {**TEXT.schema, "description": "the verdict in words, for people: do not parse it"},
}
"""What judging adds to a call. It is never read back: a recording is judged afresh."""
SCENARIO_KEYS: dict[str, Schema] = {
    "scenario": {**TEXT.schema, "description": "of verify and of vectors: the scenario that made the call"},
    "witnesses": {
        "type": "object", "additionalProperties": {"type": "string"},
        "description": "of vectors of kernels before 5.10: who said each value of the outcome; no other was looked at",
    },
    "history": {**_COUNT, "description": "of verify --generate: the number of the history that made it"},
    "engine": {**TEXT.schema, "description": "of verify: core or bcc"},
    "attach": {**TEXT.schema, "description": "of verify: the attach mode"},
    "on": {**TEXT.schema, "description": "of matrix.jsonl: the kernel, by the name it has in the reports"},
}
"""What a call has more where a scenario or a history made it."""
PREDICTED: Schema = {
    "anyOf": [{"$ref": "#/$defs/Predicted"}, {"type": "null"}],
    "description": "of verify: the outcome that the model gave",
}


def call_schema() -> Schema:
    """A call with its verdict; a vector names its scenario instead."""
    more = {**SCENARIO_KEYS, "predicted": PREDICTED}
    optional = (*OPTIONAL, *VERDICT_KEYS, *more)
    either = [{"required": list(VERDICT_KEYS)}, {"required": ["scenario"], "not": {"required": ["verdict"]}}]
    properties = {**_schemas(KEYS), **VERDICT_KEYS, **more}
    structs = {
        kind.__name__: _object(_schemas(forms), _optional(forms)) for kind, forms in STRUCTS.items()
    }
    definitions = {**NUMBER_SCHEMAS, **structs, **_verdict_definitions(), "Predicted": _predicted()}
    text = "A listen() call, of watch, replay, verify and recordings. Its inputs are asked, door, flags, watched, " \
        "environment and pre; everything else is what the kernel made of it, and what listenwatch says of that."
    return _published("listenwatch/call/3", text, _object(properties, optional, anyOf=either), definitions)


def unrecorded_schema() -> Schema:
    """A call that a scenario made and that has no record."""
    properties = {"schema": {"const": UNRECORDED}, **VERDICT_KEYS, **SCENARIO_KEYS}
    text = "A call of verify that has no record: its verdict, and why."
    return _published(UNRECORDED, text, _object(properties, SCENARIO_KEYS), _verdict_definitions())


def _verdict_definitions() -> dict[str, Schema]:
    """The place is a stage, a moment, or ``traffic``, which also says how many connections met which rules."""
    always = {"place": TEXT.schema, "field": TEXT.schema, "predicted": _VALUE, "observed": _VALUE}
    more = {"witness": TEXT.schema, "load": _COUNT, "what": TEXT.schema, "rules": _NAMES}
    value: Schema = {"type": ["string", "number"]}
    seen = {"type": "array", "items": value, "minItems": 2}
    return {
        "Difference": _object({**always, **more}, more),
        "Moved": _object({"input": TEXT.schema, "seen": seen, "used": value}),
    }


def _predicted() -> Schema:
    state, limit = {"type": ["string", "integer", "null"]}, {"type": ["integer", "null"]}
    sockets = {f"{owner}{name}": of for owner in ("", "subflow_") for name, of in (("state", state), ("max_ack_backlog", limit))}
    return _object({"result": {"type": "integer"}, **sockets, "stages": {"type": "object"}})


def _schemas(forms: dict[str, Form]) -> dict[str, Schema]:
    return {key: form.schema for key, form in forms.items()}


def _optional(forms: dict[str, Form]) -> list[str]:
    return [key for key, form in forms.items() if form.optional]


# ---- all ---------------------------------------------------------------------------------------


def _object(properties: dict[str, Schema], optional: Any = (), **more: object) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False, **more}


def _published(identity: str, description: str, schema: Schema, definitions: dict[str, Schema]) -> Schema:
    head = {"$schema": DIALECT, "$id": f"urn:{identity.replace('/', ':')}", "title": identity, "description": description}
    return {**head, **schema, **({"$defs": definitions} if definitions else {})}


def published() -> dict[str, str]:
    """The text of every file by its name."""
    schemas = [call_schema(), unrecorded_schema(), *map(of_line, LINES)]
    return {file_of(schema["title"]): json.dumps(schema, indent=1) + "\n" for schema in schemas}


def file_of(identity: str) -> str:
    """``call-3.json`` of ``listenwatch/call/3``."""
    _, name, version = identity.split("/")
    return f"{name}-{version}.json"


if __name__ == "__main__":
    for name, text in published().items():
        (FOLDER / name).write_text(text)
