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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from listenwatch.bpf.package_data import is_compiled
from tests import ROOT
from tests.helpers.contract import fit, fits
from tests.require import require

LISTENWATCH = [sys.executable, "-m", "listenwatch"]
WATCH = [*LISTENWATCH, "watch"]
PATIENCE = 60
"""Seconds after which a test that hangs is ended: no measure of speed."""


def needs_kernel() -> None:
    """Root and the compiled probe."""
    require("kernel", os.geteuid() == 0, "needs root")
    require("kernel", is_compiled("listen"), "the probe is not compiled")


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
    """A running watch; ``first`` is its first line. Its pipes are unbuffered, so that reading lines and communicate() mix."""

    def __init__(
        self, *arguments: str, before: Callable[[], None] | None = None, command: str = "watch", within: Sequence[str] = ()
    ) -> None:
        self.process = subprocess.Popen(
            [*within, *LISTENWATCH, command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=ROOT,
            start_new_session=True,
            preexec_fn=before,
        )
        self.out = self.err = self.first = ""

    def ready(self) -> Watching:
        """Go on once the probes are known to fire: watch says so on stderr."""
        while "watching " not in (line := self._line_of(self.process.stderr)):
            self.err += line
            assert line, self.err
        self.first = line
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
        return fits(json.loads(self.line()))

    def end(self, number: int | None = None) -> int:
        """Send the signal, if any, and wait for the end; ``out`` and ``err`` then hold all."""
        if number is not None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        self.out += out.decode()
        self.err += err.decode()
        assert "Traceback" not in self.err, self.err
        return self.process.returncode

    def report(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The calls and the summary of --json."""
        *calls, last = fit(self.out)
        return calls, last["summary"]


@contextmanager
def watching(
    *arguments: str,
    before: Callable[[], None] | None = None,
    wait: bool = True,
    command: str = "watch",
    within: Sequence[str] = (),
) -> Iterator[Watching]:
    """A watch that is ended with its process group, whatever becomes of the test. ``within`` is a command line that runs it."""
    watch = Watching(*arguments, before=before, command=command, within=within)
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


BY_OTHER_PATHS = """if True:
    import os, socket
    from listenwatch.conformance.harness import compat, io_uring
    own = socket.socket()
    own.bind(("127.0.0.1", 0))
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(f"\\0listenwatch-{{os.getpid()}}")
    own.listen(1)
    for number, fd in enumerate((own.fileno(), unix.fileno(), -1), 2):
        {path}.listen(fd, number)"""
"""One call by the native entry; then a second one on that socket, one on AF_UNIX and a failing one by another path."""
