"""What a matrix is to run: on each kernel ``verify``, here directly and elsewhere through ``guest``."""

import os
import re
import sys
from collections.abc import Collection, Iterator
from typing import NamedTuple

from listenwatch import guests
from listenwatch.conformance.matrix.results import GUEST, HERE, name_of
from listenwatch.errors import UsageError
from listenwatch.guests import architectures
from listenwatch.guests.architectures import Architecture
from listenwatch.guests.kernels import cached_kernels, series_key
from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.terminal import inform

OLDEST = [5, 10]
"""The probe watches kernels from here on (``kernel.behaviour_of``)."""


ALL = "all"
"""Instead of a series: every one there is."""


class Job(NamedTuple):
    """One kernel to run on: its series, HERE or GUEST, and the command that prints JSON lines.

    ``architecture`` is Debian's name of another than this machine's, empty for that.
    """

    series: str
    source: str
    command: tuple[str, ...]
    architecture: str = ""

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return name_of(self.series, self.source, self.architecture)


class Wanted(NamedTuple):
    """What to run: which kernels (``all``: every series the mirror has), and the options of ``guest`` and ``verify``.

    ``generate`` is a number of random histories, made from ``seed``, instead of the scenarios.
    """

    kernels: str = ALL
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
    jobs = [_guest_job(wanted, architecture, series) for architecture, series in _kernels(wanted)]
    if wanted.host:
        jobs.append(Job(running_kernel().series, HERE, _verify(wanted, *_LISTENWATCH)))
    if not jobs:
        raise UsageError("no kernel to run on: name some, such as --kernels 5.10,6.1")
    return jobs


def _kernels(wanted: Wanted) -> Iterator[tuple[Architecture, str]]:
    """The guests' kernels, this machine's architecture first, of each the oldest first."""
    named: dict[Architecture, list[str]] = {}
    for name in filter(None, wanted.kernels.split(",")):
        prefix, _, series = name.rpartition(":")
        if series != ALL and not re.fullmatch(r"\d+\.\d+", series, re.ASCII):
            raise UsageError(f"--kernels: {name!r} is not a series: give two numbers, such as 6.1, or arm64:6.1")
        named.setdefault(architectures.named(prefix or None), []).append(series)
    for architecture in sorted(named, key=lambda each: not each.is_own):
        for series in _series(named[architecture], architecture, wanted.mirror):
            yield architecture, series


def _series(named: Collection[str], architecture: Architecture, mirror: str | None) -> list[str]:
    """Those named; for ALL what the mirror offers that the probe can watch.

    UsageError for one that neither the cache nor the mirror has; what the cache has, needs no mirror.
    """
    if not {kernel.series for kernel in cached_kernels(architecture)}.issuperset(named):
        there = [offer.series for offer in guests.available(mirror, inform, architecture)]
        for series in named:
            if series not in (ALL, *there):
                among = ", ".join(dict.fromkeys(there))
                raise UsageError(f"--kernels: there is no kernel {series} for {architecture.name}: choose from {among}")
        if ALL in named:
            named = [*named, *(series for series in there if series_key(series) >= OLDEST)]
    return sorted({*named} - {ALL}, key=series_key)


def _guest_job(wanted: Wanted, architecture: Architecture, series: str) -> Job:
    mirror = ("--mirror", wanted.mirror) if wanted.mirror else ()
    foreign = "" if architecture.is_own else architecture.name
    arch, program = (("--arch", foreign), ("listenwatch",)) if foreign else ((), _LISTENWATCH)
    guest = (*_LISTENWATCH, "guest", *arch, "--kernel", series, "--cpus", "1", "--accel", wanted.accel, *mirror)
    return Job(series, GUEST, (*guest, "--", *_verify(wanted, *program)), foreign)


_LISTENWATCH = ("env", f"PYTHONPATH={os.pathsep.join(filter(None, sys.path))}", sys.executable, "-m", "listenwatch")
"""This one, be it of a single file or of Debian's package, which Python finds nowhere by itself; a guest of another
architecture has its own."""


def _verify(wanted: Wanted, *program: str) -> tuple[str, ...]:
    command = (*program, "verify", "--quiet", "--json", "--attach", wanted.attach)
    if wanted.generate is not None:
        return (*command, "--generate", str(wanted.generate), "--seed", str(wanted.seed))
    return (*command, *(("-k", wanted.pattern) if wanted.pattern else ()))
