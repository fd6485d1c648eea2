"""A helper program of the tests that has listeners ready in a network namespace of its own, and goes on when told."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests import ROOT


class Prompted:
    """It has said the inode number of its namespace, and waits for a line."""

    def __init__(self, module: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        self.netns = int(self._line())

    def _line(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "it failed: see its error above"
        return line

    def go(self) -> Any:
        """Have it go on; the JSON that it then prints."""
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return json.loads(self._line())


@contextmanager
def prompted(module: str, *arguments: str) -> Iterator[Prompted]:
    """One that ends with the test."""
    program = Prompted(module, *arguments)
    try:
        yield program
    finally:
        program.process.kill()
        program.process.communicate()
