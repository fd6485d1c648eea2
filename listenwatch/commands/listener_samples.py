"""Look after look at the listeners, for ``top`` and ``sockets --watch``: a screen on a terminal, samples in a pipe."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator

from listenwatch.commands.filtering import listener_filter
from listenwatch.linux.kernel import release_of_kernel
from listenwatch.linux.streams import need_descriptors
from listenwatch.linux.terminal import say, use_colour, width_of
from listenwatch.report.listeners_json import json_lines
from listenwatch.report.sockets import as_text, sample_head
from listenwatch.sockets.asked import AskedBacklogs
from listenwatch.sockets.look import FINDINGS, look
from listenwatch.sockets.sampling import Sample, Sampler

INCOMPLETE = 4


def sampler_of(options: argparse.Namespace, order: str) -> Sampler:
    """What looks at the listeners that the options want."""
    need_descriptors()
    wanted, version = listener_filter(options), release_of_kernel().version
    having = [word for word in FINDINGS if getattr(options, word)]
    asked = AskedBacklogs.read(options.events) if options.events else None
    return Sampler(lambda: look(version, wanted, having=having, asked=asked), order)


def run_samples(options: argparse.Namespace, order: str, interval: float, count: int | None = None) -> int:
    """Look every ``interval`` seconds until Ctrl-C, ``q`` or ``count`` samples; 4 if not all could be looked at."""
    sampler = sampler_of(options, order)
    is_screen = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not options.json
    if is_screen:
        return _on_screen(sampler, options, interval, count)
    return _in_pipe(sampler, interval, count, options)


def _on_screen(sampler: Sampler, options: argparse.Namespace, interval: float, count: int | None) -> int:
    # rich, which takes longer to import than listenwatch itself, is for terminals only
    from listenwatch.report.screen.show import show_screen
    from listenwatch.report.screen.view import View

    colour = use_colour(sys.stdout, options.color)
    number, sample = show_screen(sampler, View(options.sort or "fullness"), interval, count, colour=colour)
    is_complete = sample is None or not say_unseen(sample)
    if number not in (0, signal.SIGINT):
        return 128 + number
    return 0 if is_complete else INCOMPLETE


def _in_pipe(sampler: Sampler, interval: float, count: int | None, options: argparse.Namespace) -> int:
    status = 0
    try:
        while count is None or count > 0:
            sample = sampler.take()
            for line in lines_of(sample, options, headed=True):
                print(line)
            sys.stdout.flush()
            status = INCOMPLETE if say_unseen(sample) else status
            count = None if count is None else count - 1
            if count != 0:
                time.sleep(interval)
    except KeyboardInterrupt:
        pass
    return status


def lines_of(sample: Sample, options: argparse.Namespace, *, headed: bool = False) -> Iterator[str]:
    """What is printed of a sample; ``headed``: one of several, each with its time and totals."""
    if options.json:
        yield from json_lines(sample)
        return
    colour, width = use_colour(sys.stdout, options.color), width_of(sys.stdout)
    if headed:
        yield from sample_head(sample, width)
    yield from as_text([sampled.shown for sampled in sample.listeners], colour=colour, width=width)


def say_unseen(sample: Sample) -> bool:
    """Say what could not be looked at; whether there was anything."""
    for reason in sample.unseen:
        say(f"not seen: {reason}")
    return bool(sample.unseen)
