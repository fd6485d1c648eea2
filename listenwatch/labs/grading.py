"""Grade one file against one exercise, whatever the file does."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from listenwatch.bpf.bcc_package import find_package
from listenwatch.bpf.engine import Engine
from listenwatch.errors import Skip
from listenwatch.features.attach import open_engine, refusal
from listenwatch.features.behaviour import behaviour_of
from listenwatch.features.evidence import Evidence
from listenwatch.labs.attempt import Attempt, Goal
from listenwatch.labs.catalogue import Exercise
from listenwatch.labs.student import NoAnswer
from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.privileges import check_namespaces
from listenwatch.model.behaviour import Behaviour


class Grade(NamedTuple):
    """The result. ``skip``: why this machine cannot check it; ``error``: the program's own standard error."""

    exercise: Exercise
    goals: tuple[Goal, ...] = ()
    skip: str = ""
    error: str = ""

    @property
    def points(self) -> int:
        """The points reached."""
        return sum(goal.points for goal in self.goals if goal.met)

    @property
    def most(self) -> int:
        """The points to be had."""
        return sum(goal.points for goal in self.goals)

    @property
    def passed(self) -> bool:
        """Whether every goal was met, and there was one."""
        return bool(self.goals) and all(goal.met for goal in self.goals)


LAB_MACHINES = (Path("/etc/listenwatch-lab"), Path("/run/listenwatch"))
"""What only the Vagrant machine (vagrant/provision.sh) and a guest (guests/script.py) have."""


def unmet(needs: Iterable[str]) -> str:
    """The first need that is not met, in words; empty if all are."""
    return next(filter(None, map(_missing, needs)), "")


def _missing(need: str) -> str:
    if need == "kprobes":
        reason = refusal("kprobe", Evidence(), functions=())
        return f"{reason}: use the Vagrant machine or 'listenwatch guest --lab'" if reason else ""
    if need == "lab machine":
        if any(path.exists() for path in LAB_MACHINES):
            return ""
        return "it breaks the kernel on purpose: only in the Vagrant machine or 'listenwatch guest --lab'"
    if need == "bcc":
        return "" if find_package() else "bcc is not installed: apt install python3-bpfcc"
    if need == "headers":
        release = os.uname().release
        present = Path(f"/lib/modules/{release}/build").exists()
        return "" if present else f"no kernel headers: apt install linux-headers-{release}"
    return "" if shutil.which(need) else f"{need} is not installed: apt install {need}"


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
        except NoAnswer as failure:
            attempt.goal(1, "the program does its part", False, str(failure))
        except Skip as skip:
            return Grade(exercise, skip=str(skip))
        grade = Grade(exercise, tuple(attempt.goals))
        errors = [program.error for program in attempt.programs if program.error]
        return grade if grade.passed or not errors else grade._replace(error=errors[-1])


@contextmanager
def grading() -> Iterator[Grader]:
    """A grader; ObserveError where the probe cannot be attached, or programs not be started."""
    check_namespaces("the programs run")
    with open_engine("core", "auto", follow=True) as engine:
        yield Grader(engine, behaviour_of(running_kernel()))
