"""The reference of the Python API: made from the signatures and docstrings of what the package exports."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator

import listenwatch
from docs.prose import prose


def api() -> str:
    """Each public function with its signature and what it returns, then the public classes."""
    functions = [name for name in listenwatch.__all__ if not inspect.isclass(getattr(listenwatch, name))]
    parts, classes = [], {name: getattr(listenwatch, name) for name in listenwatch.__all__ if name not in functions}
    for name in sorted(functions):
        function = getattr(listenwatch, name)
        parts += [f"## {name} {{#{name}}}\n\n```text\n{_signature(name, function)}\n```\n", f"{_doc(function)}\n"]
        result = inspect.signature(function, eval_str=True).return_annotation
        if result not in classes.values():
            parts += _class(result, "###")
    for value in classes.values():
        parts += _class(value, "##")
    return "\n".join(parts)


def _signature(name: str, function: Callable[..., object]) -> str:
    signature = inspect.signature(function)
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", f"listenwatch.{name}{signature}")
    if len(text) < 90:
        return text
    text = re.sub(r", (?=\w+: |\*)", ",\n    ", text)
    return text.replace("(", "(\n    ", 1).replace(") ->", ",\n) ->")


def _class(value: type, level: str) -> Iterator[str]:
    yield f"{level} {value.__name__} {{#{value.__name__}}}\n\n{_doc(value)}\n"
    fields = list(getattr(value, "__dataclass_fields__", {}))
    if fields:
        yield f"Fields: {', '.join(f'`{field}`' for field in fields)}.\n"
    rows = [
        f"| `{name}{'' if isinstance(member, property) else '()'}` | {' '.join(_doc(member).split())} |"
        for name, member in vars(value).items()
        if name[0] != "_" and (isinstance(member, property) or inspect.isfunction(member))
    ]
    if rows:
        yield "\n".join(["| member | meaning |\n| --- | --- |", *rows]) + "\n"


def _doc(value: object) -> str:
    return prose(inspect.getdoc(value) or "")
