"""The option --behaviour FIELD=VALUE, a field changed on purpose to see the check fail; and what ``verify`` runs on."""

from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING

from listenwatch.commands.numbers import plain
from listenwatch.conformance.setting import Setting
from listenwatch.errors import UsageError, did_you_mean
from listenwatch.linux.kernel import Kernel
from listenwatch.model.behaviour import FIELDS, Behaviour
from listenwatch.report.behaviour import describe

if TYPE_CHECKING:
    from listenwatch.features.attach import AnyEngine

_WORDS: dict[str, object] = {"true": True, "false": False}


def override(behaviour: Behaviour, changes: Iterable[str]) -> Behaviour:
    """The Behaviour with each ``FIELD=VALUE`` put in; UsageError for a field or value it cannot have."""
    for change in changes:
        field, _, text = change.partition("=")
        if field not in FIELDS:
            choices = did_you_mean(field, FIELDS) or f": choose from {', '.join(FIELDS)}"
            raise UsageError(f"no behaviour '{field}'{choices}")
        try:
            value = None if text.lower() == "unknown" else _parse(field, text)
        except (KeyError, ValueError):
            raise UsageError(f"behaviour {field} cannot be '{text}': {_choices(field)}") from None
        behaviour = behaviour.replace(**{field: value})
    return behaviour


def _parse(field: str, text: str) -> object:
    newest = FIELDS[field].values[0]
    if isinstance(newest, bool):
        return _WORDS[text.lower()]
    if isinstance(newest, Enum):
        return type(newest)[text.upper()]
    if isinstance(newest, int):
        return int(plain(text))
    if text not in FIELDS[field].values:
        raise ValueError
    return text


def _choices(field: str) -> str:
    values = FIELDS[field].values
    if isinstance(values[0], bool):
        return "true, false or unknown"
    if isinstance(values[0], Enum):
        return ", ".join(variant.name for variant in type(values[0]))
    return "a number" if isinstance(values[0], int) else " or ".join(values)


def setting_of(kernel: Kernel, behaviour: Behaviour, changed: Iterable[str], engine: "AnyEngine") -> Setting:
    """The setting of an engine's run; ``changed`` are the fields of the Behaviour changed on purpose."""
    return Setting(
        kernel.text, describe(behaviour, changed), engine.name, engine.attach, engine.why,
    )
