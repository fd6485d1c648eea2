"""A wheel of this checkout, installed apart from it, to be run from an empty folder.

Every Python that runs from it notes what it opens of the checkout: nothing may be.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from deploy.release import source
from tests import ROOT

# Imported by each Python that starts with this folder on its path.
_WATCHER = """
import os, sys
checkout, venv, noted = {checkout!r}, {venv!r}, {noted!r}

def hook(event, arguments):
    if event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], (str, bytes)):
        path = os.path.abspath(os.fsdecode(arguments[0]))
        if path.startswith(checkout) and not path.startswith(venv):
            descriptor = os.open(noted, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(descriptor, os.fsencode(path) + b"\\n")
            os.close(descriptor)

sys.addaudithook(hook)
"""


class Installed(NamedTuple):
    """What was installed (``package``), and the folder commands are run in."""

    package: Path
    folder: Path
    noted: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``listenwatch`` with these arguments; fails if it has read anything of the checkout."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.package.parent),
            "XDG_STATE_HOME": str(self.folder / ".state"),
            "COLUMNS": "100",
        }
        done = subprocess.run(
            [self.package.parent / "bin/listenwatch", *arguments],
            cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert not self.noted.exists(), self.noted.read_text()
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def python(self, code: str) -> str:
        """What a program that imports the package prints."""
        environment = {**os.environ, "PYTHONPATH": str(self.package.parent)}
        line = [sys.executable, "-c", code]
        return subprocess.check_output(line, cwd=self.folder, env=environment, text=True)


def install(place: Path) -> Installed:
    """Build the wheel from a copy, without network, and install it without the rest of its requirements."""
    target, folder = place / "installed", place / "empty"
    built = source.wheel(source.copied(place / "source"), place, source.epoch())
    offline = ("--no-deps", "--no-index")
    subprocess.run([*source.PIP, "install", *offline, "--target", str(target), str(built)], check=True)
    folder.mkdir()
    noted = place / "noted"
    values = {"checkout": f"{ROOT}/", "venv": f"{ROOT}/.venv/", "noted": str(noted)}
    (target / "sitecustomize.py").write_text(_WATCHER.format(**values))
    return Installed(target / "listenwatch", folder, noted)
