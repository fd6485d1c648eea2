"""``@scenario``: a function that makes listen() calls becomes one scenario, or one for each kind of socket."""

import socket
from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import NamedTuple, TypeVar

from listenwatch.conformance.harness.socket_kinds import IPV4, SocketKind
from listenwatch.conformance.harness.testbed import Testbed

F = TypeVar("F", bound=Callable[..., None])


class Scenario(NamedTuple):
    """One scenario: its name, the file it is in, what it shows in one line, what it does, and its needs by name."""

    name: str
    file: str
    summary: str
    function: Callable[[Testbed], None]
    needs: tuple[str, ...]


_scenarios: list[Scenario] = []


def scenario(
    *parameters: object, needs: Iterable[str] = (), names: Iterable[str] = (), name: str = "", summary: str = ""
) -> Callable[[F], F]:
    """Register the decorated function under its own name, with dashes; its docstring is the summary.

    With ``parameters`` it is registered once for each and gets it as second argument, or as further
    ones what a tuple holds. A SocketKind adds its name and its needs; other values are named by
    ``names``, or as they print.
    """

    def register(function: F) -> F:
        base = name or function.__name__.replace("_", "-")
        first_line = summary or (function.__doc__ or "").strip().split("\n")[0].rstrip(".")
        file = function.__module__.rpartition(".")[2]
        if not parameters:
            _scenarios.append(Scenario(base, file, first_line, function, tuple(needs)))
        for values, suffix in zip(map(_values, parameters), names or map(_suffix, parameters), strict=True):
            more = tuple(need for kind in values if isinstance(kind, SocketKind) for need in kind.needs)
            run = partial(_call, function, values)
            _scenarios.append(Scenario(f"{base}-{suffix}", file, first_line, run, (*needs, *more)))
        return function

    return register


def listens(
    name: str, summary: str, make: Callable[[Testbed, SocketKind], socket.socket | int], *kinds: SocketKind,
    backlogs: Iterable[int] = (5,), needs: Iterable[str] = (),
) -> None:  # fmt: skip
    """Register listen() on what ``make`` prepares, with each backlog, for each of the kinds, or for IPv4 alone."""

    @wraps(make)  # it belongs to the file of ``make``
    def run(testbed: Testbed, kind: SocketKind = IPV4) -> None:
        testbed.listen(make(testbed, kind), *backlogs)

    scenario(*kinds, name=name, summary=summary, needs=needs)(run)


def both_listen(
    name: str, summary: str, make: Callable[[Testbed, SocketKind], Iterable[socket.socket]], *kinds: SocketKind,
    port_free: bool | None = True, needs: Iterable[str] = (),
) -> None:  # fmt: skip
    """Register listen() on the two sockets that ``make`` prepares, in their order (see Testbed.listen_both)."""

    @wraps(make)
    def run(testbed: Testbed, kind: SocketKind = IPV4) -> None:
        testbed.listen_both(*make(testbed, kind), port_free=port_free)

    scenario(*kinds, name=name, summary=summary, needs=needs)(run)


def _values(parameter: object) -> tuple[object, ...]:
    if isinstance(parameter, tuple) and not isinstance(parameter, SocketKind):
        return parameter
    return (parameter,)


def _suffix(parameter: object) -> str:
    return "-".join(v.name if isinstance(v, SocketKind) else str(v) for v in _values(parameter))


def _call(function: Callable[..., None], values: tuple[object, ...], testbed: Testbed) -> None:
    function(testbed, *values)


def registered() -> tuple[Scenario, ...]:
    """Every scenario registered so far, file by file as they were imported."""
    return tuple(_scenarios)
