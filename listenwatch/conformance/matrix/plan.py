"""What a matrix is to run: on each kernel ``verify``, here directly and elsewhere through ``guest``."""

import re
import sys
from collections.abc import Sequence
from typing import NamedTuple

from listenwatch import guests
from listenwatch.conformance.matrix.results import GUEST, HERE, name_of
from listenwatch.errors import UsageError
from listenwatch.guests.kernels import cached_kernels, series_key
from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.terminal import inform

OLDEST = [5, 10]
"""The probe watches kernels from here on (``kernel.behaviour_of``)."""


class Job(NamedTuple):
    """One kernel to run on: its series, HERE or GUEST, and the command that prints JSON lines."""

    series: str
    source: str
    command: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return name_of(self.series, self.source)


class Wanted(NamedTuple):
    """What to run: which kernels (None: every series the mirror has), and the options of ``guest`` and ``verify``.

    ``generate`` is a number of random histories, made from ``seed``, instead of the scenarios.
    """

    kernels: str | None = None
    host: bool = True
    accel: str = "auto"
    mirror: str | None = None
    attach: str = "all"
    pattern: str | None = None
    generate: int | None = None
    seed: int = 1


def plan(wanted: Wanted) -> list[Job]:
    """A job for each kernel, the slowest first: emulated ones from the oldest, then this one.

    UsageError if none is left.
    """
    verify, guest = _verify(wanted), _guest(wanted)
    jobs = [Job(s, GUEST, (*_ours("guest", "--kernel", s), *guest, "--", *verify)) for s in _series(wanted)]
    if wanted.host:
        jobs.append(Job(running_kernel().series, HERE, verify))
    if not jobs:
        raise UsageError("no kernel to run on: name some, such as --kernels 5.10,6.1")
    return jobs


def _series(wanted: Wanted) -> list[str]:
    """The guests' series: those asked for, or all the mirror offers that the probe can watch."""
    if wanted.kernels is None:
        offers = [offer.series for offer in guests.available(wanted.mirror, inform)]
        return [series for series in dict.fromkeys(offers) if series_key(series) >= OLDEST]
    named = [name for name in wanted.kernels.split(",") if name]
    for name in named:
        if not re.fullmatch(r"\d+\.\d+", name, re.ASCII):
            raise UsageError(f"--kernels: {name!r} is not a series: give two numbers, such as 6.1")
    _refuse_unknown(named, wanted.mirror)
    return sorted(dict.fromkeys(named), key=series_key)


def _refuse_unknown(named: Sequence[str], mirror: str | None) -> None:
    """UsageError for a series that neither the cache nor the mirror has; what the cache has, needs no mirror."""
    if {kernel.series for kernel in cached_kernels()}.issuperset(named):
        return
    there = dict.fromkeys(offer.series for offer in guests.available(mirror, inform))
    for name in named:
        if name not in there:
            raise UsageError(f"--kernels: there is no kernel {name}: choose from {', '.join(there)}")


def _ours(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "listenwatch", *arguments)


def _guest(wanted: Wanted) -> tuple[str, ...]:
    mirror = ("--mirror", wanted.mirror) if wanted.mirror else ()
    return ("--cpus", "1", "--accel", wanted.accel, *mirror)


def _verify(wanted: Wanted) -> tuple[str, ...]:
    command = _ours("verify", "--quiet", "--json", "--attach", wanted.attach)
    if wanted.generate is not None:
        return (*command, "--generate", str(wanted.generate), "--seed", str(wanted.seed))
    return (*command, *(("-k", wanted.pattern) if wanted.pattern else ()))
