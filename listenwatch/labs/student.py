"""A student's program at work: in namespaces of its own, watched by the probe, and gone at the end."""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from listenwatch.errors import ObserveError
from listenwatch.linux import libc, netns
from listenwatch.linux.sock_diag import Listener, listeners
from listenwatch.linux.terminal import escape

TIME_LIMIT = 60.0
"""Seconds after which a program that prints nothing is given up."""

_LONGEST_LINE = 1 << 16
_MOST_OUTPUT = 1 << 20


class NoAnswer(Exception):
    """The program did not do what the check waits for; the message names it."""


class StudentProgram:
    """A command in network and pid namespaces of its own, with these sysctls, until it is closed."""

    def __init__(self, command: Sequence[str], folder: Path, sysctls: Mapping[str, int]) -> None:
        unshare = shutil.which("unshare")
        if unshare is None:
            raise ObserveError("unshare is not installed: apt install util-linux")
        self._sysctls = dict(sysctls)
        self._process = subprocess.Popen(
            [unshare, "--pid", "--fork", "--kill-child=KILL", "--", *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            cwd=folder, preexec_fn=self._enter_namespace, start_new_session=True,
        )
        self.output: list[str] = []
        self.error = ""
        self._rest = b""
        self._printed = 0
        self.netns = Path(f"/proc/{self._process.pid}/ns/net").stat().st_ino

    def _enter_namespace(self) -> None:
        libc.die_with_parent()
        netns.new_namespace()
        for name, value in self._sysctls.items():
            netns.set_sysctl(name, value)

    # -- its input and output

    def wait_for(self, line: str, seconds: float = TIME_LIMIT) -> None:
        """Read until it prints this line; NoAnswer if it ends, or prints nothing for too long, or too much."""
        deadline = time.monotonic() + seconds
        while (printed := self._next_line(deadline)) is not None:
            self.output.append(printed)
            if printed == line:
                return
        raise NoAnswer(f'it ended before it printed "{line}"')

    def lines(self, count: int, seconds: float = 10.0) -> list[str]:
        """The next lines it prints, so many or as many as come in time."""
        deadline = time.monotonic() + seconds
        lines: list[str] = []
        with contextlib.suppress(NoAnswer):
            while len(lines) < count and (line := self._next_line(deadline)) is not None:
                lines.append(line)
        return lines

    def send_line(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n".encode())

    def wait(self) -> int:
        """Close its input and wait until it has ended; returns its exit status."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.stdin = None  # communicate() would flush it
        deadline = time.monotonic() + TIME_LIMIT
        while (line := self._next_line(deadline)) is not None:
            self.output.append(line)
        return self._process.wait(max(0.1, deadline - time.monotonic()))

    def _next_line(self, deadline: float) -> str | None:
        stream: IO[bytes] | None = self._process.stdout
        assert stream
        while b"\n" not in self._rest and len(self._rest) < _LONGEST_LINE:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stream], [], [], left)[0]:
                raise NoAnswer("it printed nothing for too long")
            chunk = os.read(stream.fileno(), 4096)
            if not chunk:
                if not self._rest:
                    return None
                break
            self._rest += chunk
            self._printed += len(chunk)
            if self._printed > _MOST_OUTPUT:
                raise NoAnswer("it printed more than 1 MiB")
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="backslashreplace").rstrip("\r")

    # -- its network namespace

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """This thread in the program's network namespace for a while."""
        try:
            namespace = Path(f"/proc/{self._process.pid}/ns/net").open("rb")  # noqa: SIM115  closed below
        except OSError:
            raise NoAnswer("it has ended") from None
        with namespace, netns.entered(namespace):
            yield

    def listeners(self, port: int | None = None) -> list[Listener]:
        """What listens in its namespace now, on this port or on any."""
        with self.inside():
            return [listener for listener in listeners() if port in (None, listener.port)]

    def sysctl(self, name: str, value: int | None = None) -> int:
        """A sysctl of its namespace, set first if there is a value."""
        with self.inside():
            if value is not None:
                netns.set_sysctl(name, value)
            return netns.sysctl(name)

    # -- its end

    def close(self) -> None:
        """End it and everything it has started."""
        process = self._process
        children = psutil.Process(process.pid).children() if process.poll() is None else []
        for child in children:  # the first of its pid namespace: with it all the others end
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        _, stderr = process.communicate()
        self.error = escape_lines((stderr or b"")[-2000:])


def escape_lines(text: bytes) -> str:
    """The last lines of its standard error, fit for a terminal."""
    lines = text.decode(errors="backslashreplace").splitlines()[-8:]
    return "\n".join(escape(line) for line in lines)
