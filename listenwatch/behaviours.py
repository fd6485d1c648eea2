"""A Behaviour in words, and with a field changed on purpose to see the check fail."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from enum import Enum
from itertools import pairwise

from listenwatch.errors import UsageError
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.variants import NO_MPTCP

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
    if isinstance(default, Enum):
        return type(default)[text.upper()]
    if isinstance(default, int):
        return int(text)
    if text not in _NAMES[field]:
        raise ValueError
    return text


_NAMES = {
    "sys_listen": ("sys_listen", "__sys_listen", "__sys_listen_socket"),
    "ipv4_hash": ("inet_hash", "tcp_v4_hash"),
    "ipv6_hash": ("inet_hash", "inet6_hash", "tcp_v6_hash"),
    "mptcp_enters": ("inet_listen", "__inet_listen_sk", NO_MPTCP),
}


def _choices(field: str) -> str:
    default = Behaviour._field_defaults[field]
    if isinstance(default, bool):
        return "true, false or unknown"
    if isinstance(default, Enum):
        return ", ".join(variant.name for variant in type(default))
    return " or ".join(_NAMES.get(field, ("a number",)))


def describe(behaviour: Behaviour, changed: Iterable[str] = ()) -> str:
    """What tells this Behaviour from the newest kernel's; fields changed on purpose are marked."""
    fields = {change.partition("=")[0] for change in changed}
    told = [
        f"{name}={_text(value)}{' (changed on purpose)' if name in fields else ''}"
        for name, value in behaviour._asdict().items()
        if name in fields or value != Behaviour._field_defaults[name]
    ]
    return "as the newest kernel" + (f", but {', '.join(told)}" if told else "")


def _text(value: object) -> str:
    if isinstance(value, Enum):
        return value.name
    return "unknown" if value is None else str(value)


def value_text(value: object) -> str:
    """A field's value in a word for people: yes, no, unknown, or what it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _text(value)


def field_docs() -> dict[str, str]:
    """What each field of Behaviour means, with its citation: the string that follows it in the source."""
    body = ast.parse(inspect.getsource(Behaviour)).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for node, after in pairwise(body.body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            assert isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            found[node.target.id] = inspect.cleandoc(str(after.value.value))
    return found
