"""One kernel's run as a process: its lines as they come, its last message on stderr, and whether that is all of it."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from listenwatch.conformance.matrix.plan import Job
from listenwatch.conformance.matrix.results import HERE, KernelRun, kernel_run
from listenwatch.linux import libc
from listenwatch.verdict.summary import Summary

GRACE_SECONDS = 20.0
"""For a process that was asked to end: a guest has to be powered off."""
_MESSAGE_BYTES = 1 << 16  # how much of the end of stderr is looked at
_OURS = "listenwatch: "


class RunningJob:
    """A job that runs until it ends or is ended."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.started = time.monotonic()
        self.printed: list[dict[str, Any]] = []
        self.damage = ""
        self.readable = True
        self._rest = b""
        # A file, not a pipe: nobody has to read it while it runs.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        # A session of its own: Ctrl-C is ours, and ends each in the way it ends best.
        try:
            self._process = subprocess.Popen(
                job.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=self._errors, start_new_session=True, preexec_fn=libc.die_with_parent,
            )  # fmt: skip
        except OSError:
            self._errors.close()
            raise
        assert self._process.stdout is not None
        self._output = self._process.stdout
        os.set_blocking(self._output.fileno(), False)

    def fileno(self) -> int:
        """Its standard output, for select()."""
        return self._output.fileno()

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.started

    def read(self) -> None:
        """Take in all that can be read now."""
        with contextlib.suppress(BlockingIOError):
            while self.readable:
                data = os.read(self.fileno(), 1 << 16)
                self.readable = bool(data)
                *lines, self._rest = (self._rest + data).split(b"\n")
                for line in lines:
                    self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            fields = None
        if isinstance(fields, dict):
            self.printed.append(fields)
        else:
            self.damage = self.damage or f"printed what is not a JSON object: {line[:60]!r}"

    def last_message(self) -> str:
        """The last message on stderr: from ``listenwatch:`` to the end, or else the last line."""
        size = os.fstat(self._errors.fileno()).st_size
        data = os.pread(self._errors.fileno(), _MESSAGE_BYTES, max(0, size - _MESSAGE_BYTES))
        text = data.decode(errors="replace").rstrip()
        start = max(text.rfind(f"\n{_OURS}") + 1, 0)
        if text[start:].startswith(_OURS):
            return text[start + len(_OURS) :]
        return text.rpartition("\n")[2]

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        return self._process.poll() is not None

    def end(self) -> None:
        """End it if it still runs: a guest powers its machine off, a ``verify`` detaches."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT if self.job.source == HERE else signal.SIGTERM)
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_SECONDS)
        finally:  # a second signal does not wait for it
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def close(self) -> None:
        """Leave nothing behind."""
        self.end()
        self._output.close()
        self._errors.close()

    def result(self, problem: str = "") -> KernelRun:
        """What came of it, once it has ended; ``problem`` is why it was ended."""
        self.read()
        if self._rest and not problem:
            self.damage = self.damage or "its last line was cut"
        problem = problem or self.damage
        problem = problem or incomplete(self.printed, self._process.returncode, self.last_message())
        job = self.job
        return kernel_run(job.series, job.source, self.seconds, self.printed, problem, job.architecture)


def incomplete(printed: Sequence[dict[str, Any]], status: int, message: str) -> str:
    """Why these lines are not all that ``verify --json`` has to say; empty if they are."""
    calls = [line for line in printed if "summary" not in line]
    summaries = [line["summary"] for line in printed if "summary" in line]
    if status not in (0, 1, 4) or not summaries:
        reason = message or f"exit status {status}"
        return f"verify broke off after {len(calls)} calls: {reason}" if calls else reason
    for summary in summaries:
        if "scenario_names" not in summary:  # of random histories only what disagrees has a line
            continue
        own = (summary["engine"], summary["attach"])
        lines = sum((line.get("engine"), line.get("attach")) == own for line in calls)
        counted = sum(summary[field] for field in Summary._fields if field != "lost")
        if lines != counted:
            return f"{summary['attach']}: {lines} calls came, its summary counts {counted}"
    named = {f"{summary['engine']} {summary['attach']}" for summary in summaries}
    seen = {f"{call.get('engine')} {call.get('attach')}" for call in calls if "history" not in call}
    return f"no summary of {min(seen - named)}" if seen - named else ""
