"""Runs the jobs of a matrix, a few at a time, and follows what each prints."""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from listenwatch.matrix.child import Child
from listenwatch.matrix.plan import Job
from listenwatch.matrix.results import KernelRun, kernel_run

TICK_SECONDS = 0.5

Tell = Callable[[Sequence[Child], Sequence[KernelRun]], None]
"""Hears again and again what runs and what has ended."""


def run(
    jobs: Sequence[Job],
    *,
    at_once: int,
    timeout: float,
    tell: Tell,
    finished: list[KernelRun],
) -> None:
    """Run every job, each for at most ``timeout`` seconds; each result is added to ``finished`` as it comes.

    On any way out of here, KeyboardInterrupt included, what still runs is ended.
    """
    waiting, running = deque(jobs), list[Child]()
    with ExitStack() as stack:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = waiting.popleft()
                try:
                    child = Child(job)
                except OSError as error:
                    problem = f"cannot be started: {error.strerror}"
                    finished.append(kernel_run(job.series, job.source, 0, [], problem))
                    continue
                stack.callback(child.close)
                running.append(child)
            for ready in select.select([c for c in running if c.readable], [], [], TICK_SECONDS)[0]:
                ready.read()
            for child in list(running):
                if (result := _ended(child, timeout)) is not None:
                    running.remove(child)
                    finished.append(result)
            tell(running, finished)


def _ended(child: Child, timeout: float) -> KernelRun | None:
    if child.ended:
        return child.result()
    if child.seconds < timeout:
        return None
    child.end()
    return child.result(f"no end within {timeout:g} s: give it more time with --timeout")
