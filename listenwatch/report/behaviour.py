"""A Behaviour in words."""

from collections.abc import Iterable
from enum import Enum

from listenwatch.model.behaviour import NEWEST, Behaviour, unknown_fields


def value_text(value: object) -> str:
    """A field's value in a word: yes, no, unknown, or what it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _text(value)


def _text(value: object) -> str:
    if isinstance(value, Enum):
        return value.name
    return "unknown" if value is None else str(value)


def unlike_newest(behaviour: Behaviour) -> dict[str, object]:
    """The fields that are not the newest kernel's, with their values."""
    newest = NEWEST.values()
    return {name: value for name, value in behaviour.values().items() if value != newest[name]}


def describe(behaviour: Behaviour, changed: Iterable[str] = ()) -> str:
    """What tells this Behaviour from the newest kernel's, fields changed on purpose marked; what is not known."""
    on_purpose = {change.partition("=")[0] for change in changed}
    unlike, unknown = unlike_newest(behaviour), set(unknown_fields(behaviour)) - on_purpose
    parts = [
        f"{name}={_text(value)}{' (changed on purpose)' if name in on_purpose else ''}"
        for name, value in behaviour.values().items()
        if name in on_purpose or name in unlike.keys() - unknown
    ]
    text = "as the newest kernel" + (f", but {', '.join(parts)}" if parts else "")
    names = ", ".join(unknown_fields(behaviour))
    return f"{text}; not known of this kernel, so each value is allowed: {names}" if unknown else text
