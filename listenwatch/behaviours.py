"""A Behaviour in words, and with a field changed on purpose to see the check fail."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from listenwatch.errors import UsageError
from listenwatch.model.behaviour import Behaviour, Stored

_WORDS = {"true": True, "false": False, "unknown": None}


def override(behaviour: Behaviour, changes: Iterable[str]) -> Behaviour:
    """The Behaviour with each ``FIELD=VALUE`` put in; UsageError for a field or value it cannot have."""
    for change in changes:
        field, _, text = change.partition("=")
        if field not in Behaviour._fields:
            raise UsageError(f"no behaviour '{field}': choose from {', '.join(Behaviour._fields)}")
        try:
            value = _parse(field, text)
        except (KeyError, ValueError):
            raise UsageError(f"behaviour {field} cannot be '{text}': {_choices(field)}") from None
        behaviour = Behaviour(**{**behaviour._asdict(), field: value})
    return behaviour


def _parse(field: str, text: str) -> object:
    default = Behaviour._field_defaults[field]
    if isinstance(default, bool):
        return _WORDS[text.lower()]
    if isinstance(default, Stored):
        return Stored[text.upper()]
    if isinstance(default, int):
        return int(text)
    if text not in _NAMES[field]:
        raise ValueError
    return text


_NAMES = {
    "ipv6_hash": ("inet_hash", "inet6_hash"),
    "mptcp_enters": ("inet_listen", "__inet_listen_sk"),
}


def _choices(field: str) -> str:
    default = Behaviour._field_defaults[field]
    if isinstance(default, bool):
        return "true, false or unknown"
    if isinstance(default, Stored):
        return ", ".join(stored.name for stored in Stored)
    return " or ".join(_NAMES.get(field, ("a number of bits",)))


def describe(behaviour: Behaviour, changed: Iterable[str] = ()) -> str:
    """Every field and its value; those changed on purpose are marked."""
    fields = {change.partition("=")[0] for change in changed}
    return ", ".join(
        f"{name}={_text(value)}{' (changed on purpose)' if name in fields else ''}"
        for name, value in behaviour._asdict().items()
    )


def _text(value: object) -> str:
    if isinstance(value, Enum):
        return value.name
    return "unknown" if value is None else str(value)
