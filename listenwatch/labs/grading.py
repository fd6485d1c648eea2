"""Checking: one file against one exercise, whatever the file does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from listenwatch.engines.choose import open_engine
from listenwatch.engines.engine import Engine
from listenwatch.kernel import behaviour_of, running_kernel
from listenwatch.labs.attempt import Attempt, Goal
from listenwatch.labs.catalogue import Exercise
from listenwatch.labs.needs import unmet
from listenwatch.labs.program import Hung
from listenwatch.model.behaviour import Behaviour
from listenwatch.scenarios.lab import Skip


class Grade(NamedTuple):
    """The result. ``skip`` says why this machine cannot check the exercise; ``error`` what the program said."""

    exercise: Exercise
    goals: tuple[Goal, ...] = ()
    skip: str = ""
    error: str = ""

    @property
    def points(self) -> int:
        """Those reached."""
        return sum(goal.points for goal in self.goals if goal.met)

    @property
    def most(self) -> int:
        """Those to be had."""
        return sum(goal.points for goal in self.goals)

    @property
    def passed(self) -> bool:
        """Whether every goal was met, and there was one."""
        return bool(self.goals) and all(goal.met for goal in self.goals)


class Grader:
    """An attached probe, for as many checks as are wanted."""

    def __init__(self, engine: Engine, behaviour: Behaviour) -> None:
        self._engine, self._behaviour = engine, behaviour

    def check(self, exercise: Exercise, file: Path) -> Grade:
        """Run the exercise's check on a file."""
        if reason := unmet(exercise.needs):
            return Grade(exercise, skip=reason)
        attempt = Attempt(file, self._engine, self._behaviour)
        try:
            exercise.check(attempt)
        except Hung as hung:
            attempt.goal(1, "the program does its part", False, str(hung))
        except Skip as skip:
            return Grade(exercise, skip=str(skip))
        grade = Grade(exercise, tuple(attempt.goals))
        said = [program.error for program in attempt.programs if program.error]
        return grade if grade.passed or not said else grade._replace(error=said[-1])


@contextmanager
def grading() -> Iterator[Grader]:
    """A grader; ObserveError where the probe cannot be attached."""
    with open_engine("core", "auto", follow=True) as engine:
        yield Grader(engine, behaviour_of(running_kernel()))
