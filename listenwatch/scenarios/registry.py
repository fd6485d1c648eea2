"""``@scenario``: a function that makes listen() calls becomes one scenario, or one for each kind of socket."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple, TypeVar

from listenwatch.scenarios.kinds import Kind
from listenwatch.scenarios.lab import Lab

F = TypeVar("F", bound=Callable[..., None])


class Scenario(NamedTuple):
    """One scenario: its name, the file it is in, what it shows in one line, what it does, and its needs by name."""

    name: str
    file: str
    summary: str
    function: Callable[[Lab], None]
    needs: tuple[str, ...]


_scenarios: list[Scenario] = []


def scenario(
    *parameters: Kind | object, needs: Iterable[str] = (), names: Iterable[str] = ()
) -> Callable[[F], F]:
    """Register the decorated function under its own name, with dashes; its docstring is the summary.

    With ``parameters`` it is registered once for each and gets it as second argument. A Kind adds
    its name and its needs; other values are named by ``names``, or as they print.
    """

    def register(function: F) -> F:
        base = function.__name__.replace("_", "-")
        summary = (function.__doc__ or "").strip().split("\n")[0].rstrip(".")
        file = function.__module__.rpartition(".")[2]
        if not parameters:
            _scenarios.append(Scenario(base, file, summary, function, tuple(needs)))
        for parameter, name in zip(parameters, names or map(_name, parameters), strict=True):
            more = parameter.needs if isinstance(parameter, Kind) else ()
            run = partial(_call, function, parameter)
            _scenarios.append(Scenario(f"{base}-{name}", file, summary, run, (*needs, *more)))
        return function

    return register


def _name(parameter: object) -> str:
    return parameter.name if isinstance(parameter, Kind) else str(parameter)


def _call(function: Callable[[Lab, object], None], parameter: object, lab: Lab) -> None:
    function(lab, parameter)


def registered() -> tuple[Scenario, ...]:
    """Every scenario registered so far, file by file as they were imported."""
    return tuple(_scenarios)
