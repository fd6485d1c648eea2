"""What a matrix is to run: on each kernel ``verify``, here directly and elsewhere through ``guest``."""

from __future__ import annotations

import argparse
import re
import sys
from typing import NamedTuple

from listenwatch import guests
from listenwatch.errors import UsageError
from listenwatch.guests.kernels import series_key
from listenwatch.kernel import running_kernel
from listenwatch.matrix.results import GUEST, HERE
from listenwatch.terminal import say

OLDEST = [5, 10]
"""The probe watches kernels from here on (``kernel.behaviour_of``)."""


class Job(NamedTuple):
    """One kernel to run on: its series, HERE or GUEST, and the command that prints JSON lines."""

    series: str
    source: str
    command: tuple[str, ...]


def plan(options: argparse.Namespace) -> list[Job]:
    """A job for each kernel, the slowest first: emulated ones from the oldest, then this one.

    UsageError if none is left.
    """
    verify = _verify(options)
    jobs = [
        Job(series, GUEST, (*_ours("guest", "--kernel", series, "--cpus", "1"), *_guest(options), "--", *verify))
        for series in _series(options)
    ]
    if not options.no_host:
        jobs.append(Job(running_kernel().series, HERE, verify))
    if not jobs:
        raise UsageError("no kernel to run on: name some, such as --kernels 5.10,6.1")
    return jobs


def _series(options: argparse.Namespace) -> list[str]:
    """The guests' series: those asked for, or all the mirror offers that the probe can watch."""
    if options.kernels is None:
        offers = [offer.series for offer in guests.available(options.mirror, say)]
        return [series for series in dict.fromkeys(offers) if series_key(series) >= OLDEST]
    named = [name for name in options.kernels.split(",") if name]
    for name in named:
        if not re.fullmatch(r"\d+\.\d+", name, re.ASCII):
            raise UsageError(f"--kernels: {name!r} is not a series: give two numbers, such as 6.1")
    return sorted(dict.fromkeys(named), key=series_key)


def _ours(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "listenwatch", *arguments)


def _guest(options: argparse.Namespace) -> tuple[str, ...]:
    mirror = ("--mirror", options.mirror) if options.mirror else ()
    return ("--accel", options.accel, *mirror)


def _verify(options: argparse.Namespace) -> tuple[str, ...]:
    command = _ours("verify", "--json", "--attach", options.attach)
    if options.generate is not None:
        return (*command, "--generate", str(options.generate), "--seed", str(options.seed))
    return (*command, *(("-k", options.pattern) if options.pattern else ()))
