"""What ``features --json`` prints."""

import json
from typing import Annotated, Literal, TypedDict

from listenwatch.call.keys import Attach, KernelObject, Only, kernel_object
from listenwatch.features.answers import Answer
from listenwatch.features.evidence import Evidence
from listenwatch.features.survey import Field, Survey

Name = Annotated[str, "what was asked for"]
How = Annotated[str, "how it was found out, in words"]


class FeatureObject(TypedDict):
    """What this kernel or this user has or has not."""

    name: Name
    answer: Annotated[str, Only(of=tuple(answer.value for answer in Answer))]
    how: How


class FieldObject(TypedDict):
    """A field of the model's Behaviour for this kernel."""

    name: Name
    value: Annotated[str, "unknown where both outcomes are allowed"]
    how: How


class FeaturesObject(TypedDict):
    """The answers by group."""

    kernel: Annotated[list[FeatureObject], "of this kernel"]
    hooks: Annotated[list[FeatureObject], "functions a probe attaches to"]
    privilege: Annotated[list[FeatureObject], "of this user"]
    attach: Annotated[list[FeatureObject], "attach modes"]


class AutoObject(TypedDict):
    """The attach mode that is taken where none is asked for."""

    attach: Attach
    why: Annotated[str, "in words"]


class FeaturesLine(TypedDict):
    """What this kernel offers, of ``features --json``."""

    schema: Literal["listenwatch/features/2"]
    kernel: KernelObject
    features: FeaturesObject
    auto: AutoObject
    behaviour: list[FieldObject]


def dumped(evidence: Evidence, answers: Survey, fields: list[Field], auto: tuple[str, str]) -> str:
    """All of it as one object."""
    features: dict[str, list[FeatureObject]] = {
        group: [{"name": f.name, "answer": f.answer.value, "how": f.how} for f in of_group]
        for group, of_group in answers.items()
    }
    line: FeaturesLine = {
        "schema": "listenwatch/features/2", "kernel": kernel_object(evidence.kernel),
        "features": FeaturesObject(
            kernel=features["kernel"], hooks=features["hooks"], privilege=features["privilege"], attach=features["attach"]
        ),
        "auto": {"attach": auto[0], "why": auto[1]},
        "behaviour": [{"name": name, "value": value, "how": how} for name, value, how in fields],
    }  # fmt: skip
    return json.dumps(line)
