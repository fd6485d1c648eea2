"""Runs the jobs of a matrix, a few at a time, and follows what each prints."""

import select
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from listenwatch.conformance.matrix.plan import Job
from listenwatch.conformance.matrix.results import KernelRun, kernel_run
from listenwatch.conformance.matrix.running import RunningJob

TICK_SECONDS = 0.5

Show = Callable[[Sequence[RunningJob], Sequence[KernelRun]], None]
"""Is given again and again what runs and what has ended."""


def run(jobs: Sequence[Job], *, at_once: int, timeout: float, show: Show, finished: list[KernelRun]) -> None:
    """Run every job, each for at most ``timeout`` seconds; each result is added to ``finished`` as it comes.

    On any way out of here what still runs is ended. KeyboardInterrupt and SystemExit come after a result for each
    job: those not at their end have a problem.
    """
    waiting, running = deque(jobs), list[RunningJob]()
    with ExitStack() as stack:
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    job = waiting.popleft()
                    try:
                        job_run = RunningJob(job)
                    except OSError as error:
                        finished.append(_not_run(job, f"cannot be started: {error.strerror}"))
                        continue
                    stack.callback(job_run.close)
                    running.append(job_run)
                for ready in select.select([c for c in running if c.readable], [], [], TICK_SECONDS)[0]:
                    ready.read()
                for job_run in list(running):
                    if (result := _ended(job_run, timeout)) is not None:
                        running.remove(job_run)
                        finished.append(result)
                show(running, finished)
        except (KeyboardInterrupt, SystemExit):
            for job_run in running:
                job_run.end()
                finished.append(job_run.result("interrupted"))
            finished += [_not_run(job, "interrupted before it began") for job in waiting]
            raise


def _not_run(job: Job, problem: str) -> KernelRun:
    return kernel_run(job.series, job.source, 0, [], problem, job.architecture)


def _ended(job_run: RunningJob, timeout: float) -> KernelRun | None:
    if job_run.ended:
        return job_run.result()
    if job_run.seconds < timeout:
        return None
    job_run.end()
    return job_run.result(f"no end within {timeout:g} s: give it more time with --timeout")
