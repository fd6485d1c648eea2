"""What ``identify --output`` writes and ``--behaviour-file`` reads: one kernel's Behaviour."""

from enum import Enum
from typing import Annotated, Any, Literal, TypedDict

from listenwatch.call.keys import KernelObject, kernel_object
from listenwatch.linux.kernel import Kernel
from listenwatch.model.behaviour import Behaviour

SCHEMA = "listenwatch/behaviour/1"

BehaviourObject = Annotated[
    dict[str, Any],
    "each field of Behaviour and its value: true or false, a number, or a name; null where it is not known",
]


class BehaviourLine(TypedDict):
    """A kernel's Behaviour, by ``identify --output``."""

    schema: Literal["listenwatch/behaviour/1"]
    kernel: Annotated[KernelObject, "on which it was identified"]
    behaviour: BehaviourObject


def behaviour_line(behaviour: Behaviour, kernel: Kernel) -> BehaviourLine:
    """The object with every field."""
    return {"schema": "listenwatch/behaviour/1", "kernel": kernel_object(kernel), "behaviour": behaviour_object(behaviour)}


def behaviour_object(behaviour: Behaviour) -> dict[str, Any]:
    """Each field by its value as JSON has it."""
    return {name: plain_value(value) for name, value in behaviour.values().items()}


def plain_value(value: object) -> Any:
    """A field's value as JSON has it, an enumeration by its name."""
    return value.name if isinstance(value, Enum) else value
