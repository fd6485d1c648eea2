"""One attempt at an exercise: the student's file, the probe that watches it, and the goals it met."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from listenwatch.engines.engine import Engine
from listenwatch.labs.program import Hung, Program
from listenwatch.model.behaviour import Behaviour
from listenwatch.record import Flag, ListenCall, decode
from listenwatch.terminal import escape
from listenwatch.verdict import Kind, Verdict, judge


class Goal(NamedTuple):
    """What was to be shown, for how many points, and, where it was not, what is missing."""

    points: int
    what: str
    met: bool
    missing: str


class Seen(NamedTuple):
    """One listen() of the program as the probe saw it, and the model's verdict."""

    call: ListenCall
    verdict: Verdict

    @property
    def works(self) -> bool:
        """Whether it returned 0."""
        return self.call.result == 0


class Attempt:
    """What a check has to work with. The numbers are drawn anew each time, so none can be known before."""

    def __init__(self, file: Path, engine: Engine, behaviour: Behaviour) -> None:
        self.file = file.absolute()
        self.behaviour = behaviour
        self.goals: list[Goal] = []
        self.programs: list[Program] = []
        self.attach = engine.attach
        self._engine = engine
        self._engine.sync()

    def number(self, low: int, high: int) -> int:
        """Any number from ``low`` to ``high``."""
        return random.SystemRandom().randint(low, high)

    def program(
        self,
        *arguments: object,
        sysctls: Mapping[str, int] | None = None,
        command: Sequence[str] = (sys.executable,),
    ) -> Program:
        """Start the student's file in a network namespace of its own."""
        line = [*command, str(self.file), *map(str, arguments)]
        every = {"net.core.somaxconn": 4096, **(sysctls or {})}
        program = Program(line, self.file.parent, every)
        self.programs.append(program)
        return program

    def calls(self, *, own: bool = False) -> list[Seen]:
        """Every listen() that our descendants made since the last time this was asked, or we ourselves."""
        every = map(decode, self._engine.sync())
        if own:
            calls = [call for call in every if call.tid == threading.get_native_id()]
        else:
            calls = [call for call in every if call.flags & Flag.FOLLOWED]
        return [Seen(call, judge(call, self.behaviour)) for call in calls]

    def goal(self, points: int, what: str, met: object, missing: str) -> bool:
        """Put down whether something was shown. ``missing``: what was seen instead, and what to try."""
        self.goals.append(Goal(points, what, bool(met), "" if met else escape(missing)))
        return bool(met)

    def watched(self, seen: Sequence[Seen]) -> None:
        """The model must agree with what this kernel did: else the exercise cannot be judged on it."""
        wrong = [each for each in seen if each.verdict.kind is not Kind.AGREE]
        if wrong:
            self.goal(
                1,
                "this kernel does what the model says",
                False,
                f"{wrong[0].verdict.kind.value}: {wrong[0].verdict.reason}: report it with "
                "'listenwatch verify'",
            )


__all__ = ["Attempt", "Goal", "Hung", "Program", "Seen"]
