"""One attempt at an exercise: the student's file, the probe that watches it, and which goals were met."""

import random
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from listenwatch.bpf.engine import Engine
from listenwatch.call.record import Flag, ListenCall, decode
from listenwatch.labs.student import StudentProgram
from listenwatch.linux.terminal import escape
from listenwatch.model.behaviour import Behaviour
from listenwatch.report.text import reason
from listenwatch.verdict.compare import Verdict, VerdictKind, judge


class Goal(NamedTuple):
    """What was to be shown, for how many points, and, where it was not, what is ``missing``."""

    points: int
    what: str
    met: bool
    missing: str


class JudgedCall(NamedTuple):
    """One listen() of the program as the probe recorded it, and the model's verdict."""

    call: ListenCall
    verdict: Verdict

    @property
    def succeeded(self) -> bool:
        """Whether it returned 0."""
        return self.call.result == 0


class Attempt:
    """What a check has to work with. The numbers are drawn anew each time, so none can be known before."""

    def __init__(self, file: Path, engine: Engine, behaviour: Behaviour) -> None:
        self.file = file.absolute()
        self.behaviour = behaviour
        self.goals: list[Goal] = []
        self.programs: list[StudentProgram] = []
        self._engine = engine
        self._engine.sync()

    def number(self, low: int, high: int) -> int:
        """Any number from ``low`` to ``high``."""
        return random.SystemRandom().randint(low, high)

    @contextmanager
    def program(
        self, *arguments: object, sysctls: Mapping[str, int] | None = None,
        command: Sequence[str] = (sys.executable,),
    ) -> Iterator[StudentProgram]:
        """Run the student's file in a network namespace of its own while the block lasts."""
        line = [*command, str(self.file), *map(str, arguments)]
        settings = {"net.core.somaxconn": 4096, **(sysctls or {})}
        program = StudentProgram(line, self.file.parent, settings)
        self.programs.append(program)
        with closing(program):
            yield program

    def calls(self, *, own: bool = False) -> list[JudgedCall]:
        """Every listen() since the last time, of our descendants, or if ``own`` of this thread."""
        records = map(decode, self._engine.sync())
        if own:
            calls = [call for call in records if call.tid == threading.get_native_id()]
        else:
            calls = [call for call in records if call.flags & Flag.FOLLOWED]
        return [JudgedCall(call, judge(call, self.behaviour)) for call in calls]

    def goal(self, points: int, what: str, met: object, missing: str) -> bool:
        """Record whether something was shown. ``missing``: what was seen instead, and what to try."""
        self.goals.append(Goal(points, what, bool(met), "" if met else escape(missing)))
        return bool(met)

    def require_agreement(self, calls: Sequence[JudgedCall]) -> None:
        """A goal that is missed if the model does not agree with this kernel: it cannot be judged on it."""
        for call, verdict in calls:
            if verdict.kind is not VerdictKind.AGREE:
                why = f"{verdict.kind.value}: {reason(call, verdict)}: report it with 'listenwatch verify'"
                self.goal(1, "this kernel does what the model says", False, why)
                return
