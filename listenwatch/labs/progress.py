"""What a student has done so far, kept between runs in a small JSON file."""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path
from typing import Any

from listenwatch.errors import UsageError
from listenwatch.terminal import say


class Progress:
    """Points, hints read and solutions seen, by the exercise's name.

    The file belongs to the person behind sudo, as does the folder it is in: ``$XDG_STATE_HOME``,
    else ``~/.local/state``.
    """

    def __init__(self) -> None:
        self._path = _home() / "listenwatch/lab.json"
        self._done: dict[str, dict[str, Any]] = {}
        try:
            self._done = _checked(json.loads(self._path.read_text()))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise UsageError(
                f"{self._path} cannot be read ({error.strerror}): set XDG_STATE_HOME to a folder of yours"
            ) from None
        except ValueError as error:
            aside = self._path.with_suffix(".damaged")
            say(f"{self._path} is damaged ({error}): it is kept as {aside.name}, begun anew")
            self._path.replace(aside)

    def of(self, exercise: str) -> dict[str, Any]:
        """``points``, ``most``, ``passed``, ``hints`` (a number) and ``solution`` (seen); {} if not begun."""
        return dict(self._done.get(exercise, {}))

    def note(self, exercise: str, **what: object) -> None:
        """Keep something of an exercise; written at once, whole or not at all."""
        self._done[exercise] = {**self.of(exercise), **what}
        made = [folder for folder in self._path.parents if not folder.exists()]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(self._done, indent=1) + "\n")
        for path in (*made, fresh):
            give(path)
        fresh.replace(self._path)


def give(path: Path) -> None:
    """Let the person behind sudo own it."""
    if os.geteuid() == 0 and "SUDO_UID" in os.environ:
        os.chown(path, int(os.environ["SUDO_UID"]), int(os.environ.get("SUDO_GID", "-1")))


def _home() -> Path:
    if os.geteuid() == 0 and "SUDO_UID" in os.environ:
        person = pwd.getpwuid(int(os.environ["SUDO_UID"]))
        return Path(person.pw_dir) / ".local/state"
    named = os.environ.get("XDG_STATE_HOME")
    return Path(named) if named else Path.home() / ".local/state"


def _checked(read: object) -> dict[str, dict[str, Any]]:
    if not isinstance(read, dict) or not all(isinstance(each, dict) for each in read.values()):
        raise ValueError("not what was written")
    return read
