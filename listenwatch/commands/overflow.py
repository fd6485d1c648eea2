"""``listenwatch overflow``: live, which listener had no room for a connection, whose it is, and what to change."""

from __future__ import annotations

import argparse
import json
import select
import signal
import sys
import time
from contextlib import closing
from datetime import datetime

from listenwatch import filters
from listenwatch.advice import advise
from listenwatch.commands.sockets import matches
from listenwatch.engines.overflow import MODES, Counted, OverflowProbe
from listenwatch.follow import Signals
from listenwatch.kernel import running_kernel
from listenwatch.model.eras import behaviour_for
from listenwatch.overflow.kinds import Kind
from listenwatch.overflow.ledger import Ledger, Line
from listenwatch.overflow.listeners import Directory, Named
from listenwatch.report import overflow as report
from listenwatch.report.sockets import who
from listenwatch.sockets.diagnosis import diagnose
from listenwatch.sockets.inventory import Row
from listenwatch.sockets.namespaces import Namespace
from listenwatch.terminal import say, use_colour

EPILOG = """\
examples:
  listenwatch overflow                    until Ctrl-C: a line when a listener has no room
  listenwatch overflow --interval 10      a line at most every 10 seconds for each and kind
  listenwatch overflow -n nginx --json    of nginx only, as JSON lines, the summary last
  listenwatch overflow --duration 60      for a minute, then the totals, counters and advice

QUEUE connections wait for accept() (of "SYN queue full" and "SYN cookie sent": requests wait for
their last ACK), LIMIT is sk_max_ack_backlog; a queue holds one more. COUNT SYNs, ACKs or connect()
calls met this in the interval, from PEERS distinct addresses (AF_UNIX: processes); "+": and more.
PID "?": no process that can be seen holds it, or it was closed since. Not seen: connect() to an
AF_UNIX socket by io_uring or by a 32-bit program.

At the end the kernel's own counters (ListenOverflows and others of /proc/net/netstat) stand beside
what was seen, for each network namespace; any difference is printed.

exit status: 0 all that the kernel counted was seen, 2 usage, 3 could not observe, 4 some was not"""

STDOUT = 1


def build_parser(parser: argparse.ArgumentParser) -> None:
    """Add overflow's options."""
    parser.epilog = EPILOG
    filters.add_options(parser, "listeners")
    add = parser.add_argument
    add(
        "--interval",
        type=filters.positive,
        default=1.0,
        metavar="SECONDS",
        help="print what came in so many seconds (default 1)",
    )
    add("--duration", type=filters.positive, metavar="SECONDS", help="end after so many seconds")
    add(
        "--attach",
        choices=("auto", *MODES),
        default="auto",
        help="how to watch TCP: kprobe tells the sockets of a SO_REUSEPORT group apart, "
        "tracepoint needs no kprobes (default: kprobe where the kernel has them)",
    )
    add("--json", action="store_true", help="print JSON lines, the summary last")
    add("-v", "--verbose", action="store_true", help="on errors show the verifier's log")


def run(options: argparse.Namespace) -> int:
    """Watch until the duration or a signal ends it; then totals, counters and advice."""
    netns = None if options.netns is None else filters.netns_inode(options.netns)
    signals = Signals()
    try:
        with closing(OverflowProbe(options.attach)) as probe:
            watch = Watch(options, probe, netns)
            watch.announce()
            try:
                _pump(watch, signals, options.interval, options.duration)
            finally:
                watch.take()
            return watch.finish()
    finally:
        signals.close()


def _pump(watch: Watch, signals: Signals, interval: float, duration: float | None) -> None:
    poll = select.poll()
    poll.register(signals.fileno(), select.POLLIN)
    poll.register(STDOUT, 0)  # tells when its reader has gone
    start = time.monotonic()
    end = None if duration is None else start + duration
    due = start + interval
    while True:
        until = due if end is None else min(due, end)
        woken = poll.poll(max(0.0, until - time.monotonic()) * 1000)
        if any(fd == STDOUT for fd, _ in woken):
            raise BrokenPipeError
        if signals.take() - {signal.SIGCHLD}:
            return
        now = time.monotonic()
        if end is not None and now >= end:
            return
        if now >= due:
            watch.take()
            due = max(due + interval, now)


class Watch:
    """Takes the counts of each interval from the probe, names them, shows them, and adds them up."""

    def __init__(
        self, options: argparse.Namespace, probe: OverflowProbe, netns: int | None
    ) -> None:
        self._options, self._probe, self._netns = options, probe, netns
        self._kernel = running_kernel()
        self._behaviour = behaviour_for(self._kernel.version)
        self._directory = Directory()
        self._ledger = Ledger(probe, self._wanted())
        self._before = {_key(each): each.times for each in probe.counted()}
        self._totals: dict[tuple[object, ...], report.Event] = {}
        self._refusing: dict[int, Row] = {}
        self._colour = use_colour(sys.stdout)
        self._begun = time.monotonic()

    def _wanted(self) -> list[Namespace]:
        every = self._directory.namespaces
        return [each for each in every if self._netns in (None, each.inode)]

    def announce(self) -> None:
        """Say what watches, and what it cannot see."""
        probe, number = self._probe, len(self._wanted())
        say(
            f"watching {number} network namespace{'s' if number != 1 else ''} for connections without room on Linux "
            f"{self._kernel.release}, attach mode {probe.attach}{f': {probe.why}' if probe.why else ''}"
        )
        if probe.attach == "tracepoint":
            say("not seen this way: which socket of a SO_REUSEPORT group refused, the SYN queue's length")
        if not self._options.json:
            print(report.header(), flush=True)

    def take(self) -> None:
        """Show what was counted since the last time."""
        found = self._probe.counted()
        epoch = self._probe.epoch
        self._probe.next_epoch()
        moved = [each for each in found if each.times != self._before.get(_key(each), 0)]
        if not moved:
            return
        self._directory.begin()
        clock = datetime.now().strftime("%H:%M:%S")
        moved.sort(key=lambda each: (each.netns, each.port, each.kind))
        for counted, named in zip(moved, self._directory.name(moved), strict=True):
            count = counted.times - self._before.get(_key(counted), 0)
            self._before[_key(counted)] = counted.times
            if self._is_shown(counted, named):
                peers = counted.peers if counted.epoch == epoch else 0
                self._show(counted, report.event(clock, counted, named, count, peers))
        self._ledger.update(self._wanted())
        sys.stdout.flush()

    def _is_shown(self, counted: Counted, named: Named) -> bool:
        options = self._options
        if self._netns not in (None, counted.netns):
            return False
        if named.row is not None:
            return matches(options, named.row)
        return options.pid is None and options.name is None and options.port in (None, counted.port)

    def _show(self, counted: Counted, one: report.Event) -> None:
        if self._options.json:
            print(json.dumps(report.as_json(one)))
        else:
            print(report.line(one, colour=self._colour))
        before = self._totals.get(_key(counted))
        if before:
            peers = max(before.peers, one.peers)
            one = one._replace(times=before.times + one.times, peers=peers)
        self._totals[_key(counted)] = one
        if one.named.row and one.kind is not Kind.SYN_DROPPED:
            self._refusing[one.named.row.listener.cookie] = one.named.row

    def finish(self) -> int:
        """The totals, the counters side by side, the advice."""
        self._directory.begin()
        self._ledger.update(self._wanted())
        lines = list(self._ledger.lines())
        advice = []
        for row in self._refusing.values():
            diagnosis = diagnose(row, self._behaviour)
            one = advise(row, diagnosis, self._kernel.version, None, overflowed=True)
            if one:
                advice.append((who(row), row, one))
        missed = self._unaccounted(lines)
        totals = list(self._totals.values())
        seconds = round(time.monotonic() - self._begun, 3)
        if self._options.json:
            totals_json = [{**report.as_json(each), "time": None} for each in totals]
            more = {"seconds": seconds, "attach": self._probe.attach, "listeners": totals_json}
            print(json.dumps(report.summary_as_json(lines, advice, **more, not_counted=missed)))
        else:
            self._print(totals, seconds)
            for text in report.ending(totals, lines, advice):
                print(text)
        for text in missed:
            say(text)
        return 4 if missed else 0

    def _print(self, totals: list[report.Event], seconds: float) -> None:
        if not totals:
            print(f"No connection lacked room in {seconds:.0f} s.")
            return
        print(f"\nTogether, in {seconds:.0f} s (PEERS: the most in one interval):")
        for each in totals:
            print(report.line(each._replace(time=""), colour=self._colour))
        print()

    def _unaccounted(self, lines: list[Line]) -> list[str]:
        """In words, what was missed."""
        found = []
        if any(each.difference for each in lines):
            skipped = self._probe.skipped()
            found.append(
                f"not all that the kernel counted was seen; it skipped the probe {skipped} times"
            )
        moved = [each for each in self._probe.namespaces() if self._netns in (None, each.inode)]
        for netns in moved:
            if unplaced := self._probe.total(netns).unplaced:
                found.append(f"namespace {netns.inode}: {unplaced} of too many listeners to tell apart")
        for netns in self._ledger.unread(moved):
            found.append(f"namespace {netns.inode} is gone: its own counters were not read")
        return found


def _key(counted: Counted) -> tuple[object, ...]:
    return counted[:7]
