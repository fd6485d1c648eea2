"""--behaviour FIELD=VALUE, a field changed on purpose to see the check fail, what --behaviour-file names, and what ``verify`` runs on."""

import json
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from listenwatch.commands.numbers import plain
from listenwatch.conformance.setting import Setting
from listenwatch.errors import UsageError, did_you_mean
from listenwatch.features.behaviour import behaviour_of
from listenwatch.linux.kernel import Kernel
from listenwatch.linux.terminal import escape, say
from listenwatch.model.behaviour import FIELDS, Behaviour
from listenwatch.report.behaviour import describe
from listenwatch.report.behaviour_json import SCHEMA

if TYPE_CHECKING:
    from listenwatch.features.attach import AnyEngine

_MOST_BYTES = 1 << 20
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


def behaviour_for_kernel(file: str | None, kernel: Kernel, otherwise: Callable[[Kernel], Behaviour] = behaviour_of) -> Behaviour:
    """The Behaviour to judge a kernel's calls by: that of the file, where one is given, which is said aloud."""
    if file is None:
        return otherwise(kernel)
    behaviour, identified = read_file(file)
    other = "" if identified.release == kernel.release else f", not on this one, Linux {escape(kernel.release)}"
    say(f"judged by {escape(file)}, identified on Linux {escape(identified.release)}{other}")
    return behaviour


def read_file(file: str) -> tuple[Behaviour, Kernel]:
    """The Behaviour in a file of ``identify --output``, and the kernel it was identified on; else UsageError."""
    try:
        with Path(file).open("rb") as stream:
            line = json.loads(stream.read(_MOST_BYTES))
        if line["schema"] != SCHEMA:
            raise UsageError(f"{escape(file)} has schema {escape(str(line['schema']))}, not {SCHEMA}")
        values, kernel = line["behaviour"], kernel_from(line["kernel"])
        if missing := [name for name in FIELDS if name not in values]:
            raise UsageError(f"{escape(file)} lacks {', '.join(missing)}: run 'identify --output' again")
        changes = (f"{name}={_as_word(value)}" for name, value in values.items())
        return override(Behaviour(), changes), kernel
    except OSError as error:
        raise UsageError(f"cannot read {escape(file)}: {error.strerror}") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise UsageError(f"{escape(file)} is no behaviour: 'listenwatch identify --output FILE' writes one") from None


def kernel_from(fields: dict[str, Any]) -> Kernel:
    """The kernel as JSON has it; ValueError, LookupError or TypeError for anything else."""
    major, minor, patch = map(int, fields["version"])
    has = {str(name): bool(value) for name, value in fields["has"].items()}
    return Kernel(str(fields["release"]), (major, minor, patch), str(fields["machine"]), has)


def _as_word(value: Any) -> str:
    return "unknown" if value is None else str(value)


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


def setting_of(
    kernel: Kernel, behaviour: Behaviour, changed: Iterable[str], engine: "AnyEngine", file: str | None = None
) -> Setting:
    """The setting of an engine's run; ``changed`` are the fields of the Behaviour changed on purpose, ``file`` what it came from."""
    by = f"by {escape(file)}: " if file else ""
    return Setting(kernel.text, f"{by}{describe(behaviour, changed)}", engine.name, engine.attach, engine.why)
