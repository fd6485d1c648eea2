"""What the inputs leave open: each of its possibilities in turn, until all were tried."""

from collections.abc import Callable, Iterator
from typing import TypeVar, cast

from listenwatch.model.behaviour import FIELDS, Behaviour

T = TypeVar("T")


class Choices:
    """The choices of one run. ``script`` has the option for each, and beyond it the first is taken."""

    __slots__ = ("script", "taken")

    def __init__(self, script: tuple[int, ...] = ()) -> None:
        self.script = script
        self.taken: list[tuple[int, int]] = []

    def choose(self, *options: T) -> T:
        """One of the options, the likeliest of which comes first."""
        position = len(self.taken)
        option = self.script[position] if position < len(self.script) else 0
        self.taken.append((option, len(options)))
        return options[option]

    def next_script(self) -> tuple[int, ...] | None:
        """The script after this run, as an odometer turns: the last choice with an option left moves on."""
        for position in range(len(self.taken) - 1, -1, -1):
            option, options = self.taken[position]
            if option + 1 < options:
                return (*(chosen for chosen, _ in self.taken[:position]), option + 1)
        return None


class _Explored:
    """A Behaviour during one run: a field that is not known is chosen when it is first read, and stays so."""

    def __init__(self, behaviour: Behaviour, choices: Choices) -> None:
        self.unknown = frozenset[str]()
        self._behaviour = behaviour
        self._choices = choices

    def __getattr__(self, name: str) -> object:
        """The value of a field; Python asks here only until it is set."""
        value: object = getattr(self._behaviour, name)
        if name in self._behaviour.unknown:
            others = (other for other in FIELDS[name].values if other != value)
            value = self._choices.choose(value, *others)
        setattr(self, name, value)
        return value


def explored(behaviour: Behaviour, choices: Choices) -> Behaviour:
    """The behaviour for a run with these choices: every field read has one of the values it may have."""
    return cast("Behaviour", _Explored(behaviour, choices)) if behaviour.unknown else behaviour


def each_result(function: Callable[[Behaviour], T], behaviour: Behaviour) -> Iterator[T]:
    """What the function makes of the behaviour, for every value that the unknown fields it reads may have."""
    script: tuple[int, ...] | None = ()
    while script is not None:
        choices = Choices(script)
        yield function(explored(behaviour, choices))
        script = choices.next_script()


def only_result(function: Callable[[Behaviour], T], behaviour: Behaviour) -> T | None:
    """What the function makes of the behaviour; None where the unknown fields it reads make a difference."""
    results = set(each_result(function, behaviour))
    return results.pop() if len(results) == 1 else None
