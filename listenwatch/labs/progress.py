"""What a student has done so far, kept between runs in a small JSON file."""

import json
import os
from pathlib import Path
from typing import Any

from listenwatch.errors import UsageError
from listenwatch.linux.person import as_person, behind_sudo, folder_of_ours
from listenwatch.linux.terminal import say


class Progress:
    """Points, hints read and solutions seen, by the exercise's name, in a file of the person's behind sudo."""

    def __init__(self) -> None:
        self._path = _home() / "listenwatch/lab.json"
        self._done: dict[str, dict[str, Any]] = {}
        with as_person():
            self._read()

    def _read(self) -> None:
        try:
            self._done = _checked(json.loads(self._path.read_text()))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self._unusable("read", error) from None
        except ValueError as error:
            damaged = self._path.with_suffix(".damaged")
            say(f"{self._path} is damaged ({error}): it is kept as {damaged.name}, begun anew")
            self._path.replace(damaged)

    def _unusable(self, purpose: str, error: OSError) -> UsageError:
        return UsageError(f"{self._path} cannot be {purpose} ({error.strerror}): set XDG_STATE_HOME to a folder of yours")

    def of(self, exercise: str) -> dict[str, Any]:
        """``points``, ``most``, ``passed``, ``hints`` (a number) and ``solution`` (seen); {} if not begun."""
        return dict(self._done.get(exercise, {}))

    def note(self, exercise: str, **facts: object) -> None:
        """Keep facts of an exercise; written at once, whole or not at all."""
        self._done[exercise] = {**self.of(exercise), **facts}
        fresh = self._path.with_suffix(f".{os.getpid()}")
        try:
            with as_person():
                self._path.parent.mkdir(parents=True, exist_ok=True)
                fresh.write_text(json.dumps(self._done, indent=1) + "\n")
                fresh.replace(self._path)
        except OSError as error:
            raise self._unusable("written", error) from None


def _home() -> Path:
    if person := behind_sudo():
        return Path(person.pw_dir) / ".local/state"
    return folder_of_ours("XDG_STATE_HOME", ".local/state")


def _checked(document: object) -> dict[str, dict[str, Any]]:
    if not isinstance(document, dict) or not all(isinstance(v, dict) for v in document.values()):
        raise ValueError("not what was written")
    return document
