"""``listenwatch watch``, or another command, as a child process, ready when the test goes on, and calls for it to see."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from listenwatch.engines.core import OBJECT
from tests.require import require

ROOT = Path(__file__).parents[2]
LISTENWATCH = [sys.executable, "-m", "listenwatch"]
WATCH = [*LISTENWATCH, "watch"]
PATIENCE = 60
"""Seconds after which a test that hangs is ended: no measure of speed."""


def needs_kernel() -> None:
    """Root and the compiled probe."""
    require("kernel", os.geteuid() == 0, "needs root")
    require("kernel", OBJECT.exists(), "the probe is not compiled")


def needs(tool: str) -> str:
    """The path of a program."""
    path = shutil.which(tool)
    require("kernel", path is not None, f"{tool} is not installed")
    assert path is not None
    return path


def redis_server(folder: Path) -> str:
    """A redis-server in the folder: Debian's redis-tools has it under another name."""
    program = folder / "redis-server"
    program.unlink(missing_ok=True)
    program.symlink_to(needs("redis-check-rdb"))
    return str(program)


class Watching:
    """A running watch. Its pipes are unbuffered, so that reading lines and communicate() mix."""

    def __init__(
        self, *arguments: str, before: Callable[[], None] | None = None, command: str = "watch"
    ) -> None:
        self.process = subprocess.Popen(
            [*LISTENWATCH, command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=ROOT,
            start_new_session=True,
            preexec_fn=before,
        )
        self.out = self.err = ""

    def ready(self) -> Watching:
        """Go on once the probes are known to fire: watch says so on stderr."""
        while "watching " not in (line := self._line_of(self.process.stderr)):
            self.err += line
            assert line, self.err
        return self

    def line(self) -> str:
        """The next line of the report."""
        line = self._line_of(self.process.stdout)
        self.out += line
        return line

    def _line_of(self, stream: IO[bytes] | None) -> str:
        assert stream
        assert select.select([stream], [], [], PATIENCE)[0], "nothing came"
        return stream.readline().decode()

    def call(self) -> dict[str, Any]:
        """The next line as JSON."""
        line: dict[str, Any] = json.loads(self.line())
        return line

    def end(self, number: int | None = None) -> int:
        """Send the signal, if any, and wait for the end; ``out`` and ``err`` then hold all."""
        if number is not None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        self.out += out.decode()
        self.err += err.decode()
        assert "Traceback" not in self.err, self.err
        return self.process.returncode

    def report(self) -> tuple[list[dict[str, Any]], dict[str, int]]:
        """The calls and the summary of --json."""
        *calls, last = map(json.loads, self.out.splitlines())
        return calls, last["summary"]


@contextmanager
def watching(
    *arguments: str,
    before: Callable[[], None] | None = None,
    wait: bool = True,
    command: str = "watch",
) -> Iterator[Watching]:
    """A watch that is ended with its process group, whatever becomes of the test."""
    watch = Watching(*arguments, before=before, command=command)
    try:
        if wait:
            watch.ready()
        yield watch
    finally:
        if watch.process.poll() is None:
            os.killpg(watch.process.pid, signal.SIGKILL)
        watch.process.communicate()


def listen_once(backlog: int = 5, *, fail: bool = False) -> int:
    """One listen() of this process on a socket of its own; the port it was given."""
    with socket.socket(type=socket.SOCK_DGRAM if fail else socket.SOCK_STREAM) as sock:
        sock.bind(("127.0.0.1", 0))
        try:
            sock.listen(backlog)
        except OSError:
            assert fail
        port: int = sock.getsockname()[1]
        return port


def python(script: str) -> list[str]:
    """A command line that runs this script."""
    return [sys.executable, "-c", script]
