"""What is said while a matrix runs: on a terminal a line for each kernel, else a line now and then, and when one ends."""

import sys
import time
from collections.abc import Sequence

from listenwatch.conformance.matrix.plan import Job
from listenwatch.conformance.matrix.results import KernelRun
from listenwatch.conformance.matrix.running import RunningJob
from listenwatch.linux.progress import Progress
from listenwatch.linux.terminal import escape

LINES_EVERY = 30.0
"""Seconds between two rounds of lines about what runs, where there is no terminal."""


class MatrixProgress:
    """Shows ``jobs``; ``scenarios`` are the names in the order they run, empty for random histories."""

    def __init__(self, progress: Progress, jobs: Sequence[Job], scenarios: Sequence[str]) -> None:
        self._progress, self._jobs, self._names = progress, jobs, scenarios
        self._place = {name: number for number, name in enumerate(scenarios, 1)}
        self._ended = 0
        self._next = time.monotonic() + LINES_EVERY

    def show(self, running: Sequence[RunningJob], finished: Sequence[KernelRun]) -> None:
        """One more look at what runs and what has ended."""
        news = finished[self._ended :]
        self._ended = len(finished)
        if self._progress.shown:
            now = {child.job.name: self._state(child) for child in running}
            now |= {run.name: _result(run) for run in finished}
            lines = (f"{job.name:<10} {now.get(job.name, 'waiting')}" for job in self._jobs)
            self._progress.show(*lines, now=bool(news))
        elif not self._progress.quiet:
            for run in news:
                _say(run.name, _result(run))
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + LINES_EVERY
                for child in running:
                    _say(child.job.name, self._state(child))

    def _state(self, running_job: RunningJob) -> str:
        elapsed = f"{running_job.seconds:4.0f} s"
        if not running_job.printed:
            return f"{elapsed}  {running_job.last_message().partition(chr(10))[0] or 'starting'}"
        last = running_job.printed[-1].get("scenario", "")
        if not self._names:
            return f"{elapsed}  {last}"
        return f"{elapsed}  scenario {self._place.get(last, len(self._names))} of {len(self._names)}: {last}"


def _say(name: str, text: str) -> None:
    print(f"{name}: {escape(text)}", file=sys.stderr, flush=True)


def _result(run: KernelRun) -> str:
    """In a line how it ended."""
    elapsed = f"{run.seconds:4.0f} s"
    if run.problem:
        return f"{elapsed}  NOT OBSERVED: {run.problem.partition(chr(10))[0]}"
    counts = (f"{r.name} {r.summary.agree} agree, {r.summary.disagree} disagree" for r in run.runs)
    return f"{elapsed}  {'; '.join(counts)}"
