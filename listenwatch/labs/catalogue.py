"""The exercises: folders ``NN-name`` with a text, a starter, a solution and a check, read as data."""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from listenwatch.errors import UsageError
from listenwatch.labs.attempt import Attempt

FOLDER = Path(__file__).with_name("exercises")
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
        """The file a student begins with."""
        return self._only("starter")

    @property
    def solution(self) -> Path:
        """A file that passes."""
        return self._only("solution")

    @property
    def file_name(self) -> str:
        """The name that ``lab start`` gives the student's file."""
        return f"{self.name[3:].replace('-', '_')}{self.starter.suffix}"

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


def exercises() -> list[Exercise]:
    """All of them, by number."""
    matches = [(path, _FOLDER.fullmatch(path.name)) for path in sorted(FOLDER.iterdir())]
    return [_read(path, int(match[1])) for path, match in matches if match]


def choose(text: str) -> Exercise:
    """By number or name; UsageError names those there are."""
    every = exercises()
    for exercise in every:
        if text.lstrip("0") == str(exercise.number) or text in (exercise.name, exercise.name[3:]):
            return exercise
    raise UsageError(f"no exercise {text!r}: there are {', '.join(exercise.name for exercise in every)}")


def _read(path: Path, number: int) -> Exercise:
    spec = importlib.util.spec_from_file_location(f"exercise_{number}", path / "check.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    title = (path / "README.md").read_text().splitlines()[0].lstrip("# ")
    return Exercise(number, path.name, path, title, tuple(getattr(module, "NEEDS", ())), module.check)
