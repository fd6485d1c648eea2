"""What is said while a matrix runs: on a terminal a line for each kernel, else a line when one ends."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TextIO

from listenwatch.matrix.child import Child
from listenwatch.matrix.plan import Job
from listenwatch.matrix.results import HERE, KernelRun
from listenwatch.terminal import escape


class Progress:
    """Tells ``stream``; ``scenarios`` are the names in the order they run, empty for random histories."""

    def __init__(self, stream: TextIO, jobs: Sequence[Job], scenarios: Sequence[str]) -> None:
        self._stream, self._jobs, self._names = stream, jobs, scenarios
        self._place = {name: number for number, name in enumerate(scenarios, 1)}
        self._redraws = stream.isatty()
        self._drawn, self._told, self._next = 0, 0, 0.0

    def tell(self, running: Sequence[Child], finished: Sequence[KernelRun]) -> None:
        """One more look at what runs and what has ended."""
        if self._redraws:
            if time.monotonic() >= self._next or len(finished) > self._told:
                self._next = time.monotonic() + 0.5
                self._draw(running, finished)
        else:
            for run in finished[self._told :]:
                print(f"{_name(run)}: {_ended(run)}", file=self._stream, flush=True)
        self._told = len(finished)

    def clear(self) -> None:
        """Nothing is left on the terminal."""
        if self._drawn:
            print(f"\x1b[{self._drawn}F\x1b[J", end="", file=self._stream, flush=True)
            self._drawn = 0

    def _draw(self, running: Sequence[Child], finished: Sequence[KernelRun]) -> None:
        now = {(child.job.series, child.job.source): self._state(child) for child in running}
        now |= {(run.series, run.source): _ended(run) for run in finished}
        lines = [f"{_name(job):<10} {now.get((job.series, job.source), 'waiting')}" for job in self._jobs]
        self.clear()
        print("".join(f"{line[:79]}\n" for line in lines), end="", file=self._stream, flush=True)
        self._drawn = len(lines)

    def _state(self, child: Child) -> str:
        elapsed = f"{child.seconds:4.0f} s"
        if not child.printed:
            return escape(f"{elapsed}  {child.said().partition(chr(10))[0] or 'starting'}")
        last = child.printed[-1].get("scenario", "")
        done = f"{self._place.get(last, len(self._names))}/{len(self._names)}  " if self._names else ""
        return escape(f"{elapsed}  {done}{last}")


def _name(one: Job | KernelRun) -> str:
    return f"{one.series} here" if one.source == HERE else one.series


def _ended(run: KernelRun) -> str:
    """In a line how it ended."""
    elapsed = f"{run.seconds:4.0f} s"
    if run.problem:
        return escape(f"{elapsed}  NOT OBSERVED: {run.problem.partition(chr(10))[0]}")
    told = (f"{mode.name} {mode.totals.agree} agree, {mode.totals.disagree} disagree" for mode in run.modes)
    return f"{elapsed}  {'; '.join(told)}"
