"""A student's program at work: in namespaces of its own, watched by the probe, and gone at the end."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from fcntl import ioctl
from pathlib import Path
from struct import pack
from types import TracebackType
from typing import IO, Self

import psutil

from listenwatch.errors import ObserveError
from listenwatch.scenarios import libc
from listenwatch.sockets.diag import Listener, listeners
from listenwatch.terminal import escape

TIME_LIMIT = 60.0
"""Seconds after which a program that says nothing has hung."""

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_MOST_OUTPUT = 1 << 16


class Hung(Exception):
    """The program did not do what the check waits for; the message says what that was."""


class Program:
    """A command in a network and a pid namespace of its own, with these sysctls; a context manager.

    It is told things on its standard input and answers on its standard output, line by line. When
    the block ends, so do the program and everything it has started.
    """

    def __init__(self, command: Sequence[str], folder: Path, sysctls: Mapping[str, int]) -> None:
        unshare = shutil.which("unshare")
        if unshare is None:
            raise ObserveError("unshare is not installed: apt install util-linux")
        self._sysctls = dict(sysctls)
        self._process = subprocess.Popen(
            [unshare, "--pid", "--fork", "--kill-child=KILL", "--", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=folder,
            preexec_fn=self._set_up,
            start_new_session=True,
        )
        self.output: list[str] = []
        self.error = ""
        self._rest = b""
        self.netns = Path(f"/proc/{self._process.pid}/ns/net").stat().st_ino

    def _set_up(self) -> None:
        libc.die_with_parent()
        libc.unshare(libc.CLONE_NEWNET)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            ioctl(sock, _SIOCSIFFLAGS, pack("16sh14x", b"lo", _IFF_UP))
        for name, value in self._sysctls.items():
            Path("/proc/sys", name.replace(".", "/")).write_text(str(value))

    # -- talking to it

    def wait_for(self, line: str, seconds: float = TIME_LIMIT) -> None:
        """Until it has said this line; Hung if it ends or is silent instead."""
        deadline = time.monotonic() + seconds
        while True:
            said = self._next_line(deadline)
            if said is None:
                raise Hung(f'it ended before it printed "{line}"')
            self.output.append(said)
            if said == line:
                return

    def lines(self, count: int, seconds: float = 10.0) -> list[str]:
        """The next lines it says, so many or as many as come in time."""
        deadline = time.monotonic() + seconds
        found: list[str] = []
        with contextlib.suppress(Hung):
            while len(found) < count and (said := self._next_line(deadline)) is not None:
                found.append(said)
        return found

    def say(self, line: str) -> None:
        """A line on its standard input."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n".encode())

    def wait(self) -> int:
        """Close its input, and until it has ended; returns its exit status."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.stdin = None  # communicate() would flush it
        deadline = time.monotonic() + TIME_LIMIT
        while (said := self._next_line(deadline)) is not None:
            self.output.append(said)
        return self._process.wait(max(0.1, deadline - time.monotonic()))

    def _next_line(self, deadline: float) -> str | None:
        stream: IO[bytes] | None = self._process.stdout
        assert stream
        while b"\n" not in self._rest and len(self._rest) < _MOST_OUTPUT:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stream], [], [], left)[0]:
                raise Hung("it said nothing for too long")
            chunk = os.read(stream.fileno(), 4096)
            if not chunk:
                if not self._rest:
                    return None
                break
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="backslashreplace").rstrip("\r")

    # -- looking at it

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """This thread in the program's network namespace for a while."""
        try:
            there = Path(f"/proc/{self._process.pid}/ns/net").open("rb")  # noqa: SIM115  closed below
        except OSError:
            raise Hung("it has ended") from None
        with there, Path("/proc/thread-self/ns/net").open("rb") as here:
            libc.setns(there.fileno())
            try:
                yield
            finally:
                libc.setns(here.fileno())

    def listeners(self) -> list[Listener]:
        """What listens in its namespace now."""
        with self.inside():
            return listeners()

    def sysctl(self, name: str, value: int | None = None) -> int:
        """A sysctl of its namespace, set first if there is a value."""
        path = Path("/proc/sys", name.replace(".", "/"))
        with self.inside():
            if value is not None:
                path.write_text(str(value))
            return int(path.read_text())

    # -- its end

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
    """The last lines of what it said of itself, fit for a terminal."""
    lines = text.decode(errors="backslashreplace").splitlines()[-8:]
    return "\n".join(escape(line) for line in lines)
