"""A Behaviour in words."""

from collections.abc import Iterable
from enum import Enum

from listenwatch.model.behaviour import NEWEST, Behaviour, unknown_fields
from listenwatch.model.history import Version
from listenwatch.model.kernels import name, runs_of
from listenwatch.model.kernels_run import KernelRun


def value_text(value: object) -> str:
    """A field's value in a word: yes, no, unknown, or what it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _text(value)


def _text(value: object) -> str:
    if isinstance(value, Enum):
        return value.name
    return "unknown" if value is None else str(value)


def runs_text(first: Version) -> str:
    """``2.6.20 i686: 529 cases; 2.6.24 i686: 530 cases``: which kernels of the era that begins with ``first`` were run; or that none was."""
    runs = [f"{_run_name(run)}: {run.cases} cases" for run in runs_of(first)]
    return "; ".join(runs) if runs else "only read in source"


def _run_name(run: KernelRun) -> str:
    base = f", rebuilt from {run.base}" if run.base else ""
    return f"{name(run.version)} {run.machine}{base}"


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
