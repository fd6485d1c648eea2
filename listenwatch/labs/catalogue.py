"""The exercises there are: folders ``NN-name`` with a text, a starter, a solution and a check."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import listenwatch
from listenwatch.errors import UsageError
from listenwatch.labs.attempt import Attempt

VARIABLE = "LISTENWATCH_EXERCISES"
_FOLDER = re.compile(r"(\d\d)-([a-z0-9-]+)")
_HINT = re.compile(r"<details>\s*<summary>.*?</summary>(.*?)</details>", re.DOTALL)


class Exercise(NamedTuple):
    """One exercise. ``needs`` says what a machine must have for it, ``cheats`` are programs that must fail."""

    number: int
    name: str
    folder: Path
    title: str
    needs: tuple[str, ...]
    check: Callable[[Attempt], None]

    @property
    def starter(self) -> Path:
        """What the student begins with."""
        return self._only("starter")

    @property
    def solution(self) -> Path:
        """One that passes."""
        return self._only("solution")

    @property
    def cheats(self) -> list[Path]:
        """Programs that only print what is expected."""
        return sorted(self.folder.glob("cheat*.*"))

    @property
    def text(self) -> str:
        """The README, without its hints."""
        return _HINT.sub("", self._readme()).replace("## Hints", "").strip() + "\n"

    @property
    def hints(self) -> list[str]:
        """Each folded text of the README."""
        return [hint.strip() for hint in _HINT.findall(self._readme())]

    def _readme(self) -> str:
        return (self.folder / "README.md").read_text()

    def _only(self, stem: str) -> Path:
        (path,) = self.folder.glob(f"{stem}.*")
        return path


def folder() -> Path:
    """Where the exercises are: beside the package in a checkout, or where the environment says."""
    named = os.environ.get(VARIABLE)
    place = Path(named) if named else Path(listenwatch.__file__).parents[1] / "vagrant/exercises"
    if not place.is_dir():
        raise UsageError(
            f"no exercises in {place}: run it from a checkout, or set {VARIABLE} to their folder"
        )
    return place


def exercises() -> list[Exercise]:
    """All of them, by number."""
    found = []
    for path in sorted(folder().iterdir()):
        if match := _FOLDER.fullmatch(path.name):
            found.append(_read(path, int(match[1])))
    if not found:
        raise UsageError(f"no exercise in {folder()}")
    return found


def choose(text: str) -> Exercise:
    """By number or name; UsageError names those there are."""
    every = exercises()
    for exercise in every:
        if text in (exercise.name, exercise.name[3:]):
            return exercise
        if text.isdecimal() and int(text) == exercise.number:
            return exercise
    raise UsageError(f"no exercise {text!r}: there are {', '.join(each.name for each in every)}")


def _read(path: Path, number: int) -> Exercise:
    module = _load(path)
    title = (path / "README.md").read_text().splitlines()[0].lstrip("# ")
    return Exercise(number, path.name, path, title, tuple(getattr(module, "NEEDS", ())), module.check)


def _load(path: Path):  # type: ignore[no-untyped-def]  # a module of which only two names are known
    spec = importlib.util.spec_from_file_location(
        f"exercise_{path.name.replace('-', '_')}", path / "check.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
