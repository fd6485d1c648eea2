"""``listenwatch watch``: every listen() as it happens, or those of one command's process tree."""

from __future__ import annotations

import argparse
import json
import select
import signal
import sys
import time
from collections.abc import Iterable

from listenwatch import filters
from listenwatch.engines.choose import open_engine
from listenwatch.engines.engine import Engine
from listenwatch.engines.loss import Loss
from listenwatch.engines.programs import ATTACH_MODES
from listenwatch.errors import UsageError
from listenwatch.follow import Followed, Signals
from listenwatch.jsonlines import call_to_json
from listenwatch.kernel import Kernel, behaviour_of, running_kernel
from listenwatch.record import ListenCall, decode
from listenwatch.recording import Writer
from listenwatch.report import live
from listenwatch.summary import Summary, summarise
from listenwatch.terminal import say, use_colour, width_of
from listenwatch.verdict import Kind, Verdict, excuse_skipped, judge

EPILOG = """\
examples:
  listenwatch                              every listen() on this machine, until Ctrl-C
  listenwatch watch --stages -n nginx      each stage of nginx's calls
  listenwatch watch -- redis-server        start a command, follow its processes, end with them
  listenwatch watch -o trace.jsonl --duration 60
  listenwatch watch --json -P 8080 | jq .reason

The command's standard output goes to standard error: standard output holds the report only.
Ctrl-C reaches the command too, and listenwatch ends with it; a second Ctrl-C does not wait.

exit status: 0 everything compared agreed, 1 a disagreement, 2 usage, 3 could not observe,
4 incomplete (calls lost, nothing compared, or inconclusive under --strict)"""

STDOUT = 1
GRACE = 0.5
"""Seconds the rest of an interrupted command's processes have to end with it."""


def build_parser(parser: argparse.ArgumentParser) -> None:
    """Add watch's options."""
    parser.usage = "listenwatch [watch] [OPTIONS] [-- COMMAND [ARGUMENT...]]"
    parser.epilog = EPILOG
    filters.add_options(parser)
    filters.add_report_options(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="also record to FILE, for 'replay'")
    parser.add_argument("--count", type=filters.positive_int, metavar="N", help="end after N calls shown")
    parser.add_argument(
        "--duration", type=filters.positive, metavar="SECONDS", help="end after this many seconds"
    )
    parser.add_argument(
        "--attach",
        choices=("auto", *ATTACH_MODES),
        default="auto",
        help="how to attach the probes (default: the richest this kernel offers)",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="show the verifier's log on errors")
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="run and follow this command"
    )


def run(options: argparse.Namespace) -> int:
    """Watch until the command, the count, the duration or a signal ends it."""
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if options.command and not command:
        raise UsageError("no command after --")
    if command and options.command[0] != "--":
        raise UsageError(f"unknown argument '{command[0]}': put -- before a command to follow")
    kernel = running_kernel()
    signals = Signals()
    try:
        with open_engine("core", options.attach, follow=bool(command)) as engine:
            watch = Watch(options, engine, kernel, followed=bool(command))
            watch.announce()
            tree = Followed(command) if command else None
            try:
                _pump(watch, engine, signals, tree, options.duration)
                if tree is not None and (alive := tree.survivors()):
                    say(f"no longer followed, still running: {', '.join(alive)}")
            finally:
                watch.take(engine.sync())
                summary = watch.finish(engine.loss())
    finally:
        signals.close()
    if tree is not None and tree.status:
        say(f"the command {tree.how_it_ended()}")
    return summary.exit_status(strict=options.strict)


def _pump(
    watch: Watch, engine: Engine, signals: Signals, tree: Followed | None, duration: float | None
) -> None:
    """Move records from the engine to the watch until there is a reason to end."""
    poll = select.poll()
    poll.register(engine.fileno(), select.POLLIN)
    poll.register(signals.fileno(), select.POLLIN)
    poll.register(STDOUT, 0)  # tells when its reader has gone
    deadline = None if duration is None else time.monotonic() + duration
    interrupted = 0
    while not watch.full:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return
        waits = [wait for wait in (left, engine.patience()) if wait is not None]
        woken = poll.poll(min(waits) * 1000 if waits else None)
        if any(fd == STDOUT for fd, _ in woken):
            raise BrokenPipeError
        watch.take(engine.read())
        came = signals.take()
        if signal.SIGCHLD in came and tree is not None:
            tree.reap()
            if tree.ended:
                return
        if came - {signal.SIGCHLD}:
            interrupted += 1
            if tree is None or interrupted > 1:
                return
            # The terminal sent Ctrl-C to the command too, and it may end by itself: wait for it.
            if signal.SIGTERM in came:
                tree.pass_on(signal.SIGTERM)
        if interrupted and tree is not None and tree.status is not None:
            soon = time.monotonic() + GRACE
            deadline = soon if deadline is None else min(deadline, soon)


class Watch:
    """Judges the calls that pass the filters, shows them, records them, and keeps their verdicts' kinds."""

    def __init__(
        self, options: argparse.Namespace, engine: Engine, kernel: Kernel, *, followed: bool
    ) -> None:
        self._options = options
        self._engine = engine
        self._skipped = 0
        self._kernel = kernel
        self._behaviour = behaviour_of(kernel)
        self._matches = filters.matcher(options, followed=followed)
        self._colour = use_colour(sys.stdout)
        self._width = width_of(sys.stdout)
        self._writer: Writer | None = None
        if options.output:
            try:
                stream = open(options.output, "w", encoding="utf-8")  # noqa: SIM115, PTH123  closed by Writer
            except OSError as error:
                raise UsageError(f"cannot write {options.output}: {error.strerror}") from None
            self._writer = Writer(stream, kernel, engine.attach)
        self.kinds: list[Kind] = []
        self._shown = 0

    @property
    def full(self) -> bool:
        """Whether --count calls were shown."""
        return self._options.count is not None and self._shown >= self._options.count

    def announce(self) -> None:
        """Say what watches, once the probes are known to fire (our marker came back)."""
        engine = self._engine
        self.take(engine.sync())
        say(
            f"watching listen() on Linux {self._kernel.release}, attach mode {engine.attach}: "
            f"{engine.why}"
        )
        if not self._options.json:
            print(live.HEADER, flush=True)

    def take(self, records: Iterable[bytes]) -> None:
        """Judge and show these records."""
        skipped = self._engine.skipped()
        meanwhile, self._skipped = skipped - self._skipped, skipped
        for record in records:
            call = decode(record)
            if self.full or not self._matches(call):
                continue
            verdict = excuse_skipped(judge(call, self._behaviour), meanwhile)
            self.kinds.append(verdict.kind)
            if self._writer:
                self._writer.call(call, verdict)
            if filters.is_shown(self._options, call, verdict.kind):
                self._shown += 1
                self._show(call, verdict)
        sys.stdout.flush()

    def _show(self, call: ListenCall, verdict: Verdict) -> None:
        if self._options.json:
            print(json.dumps(call_to_json(call, verdict)))
            return
        print(live.line(call, verdict, colour=self._colour, width=self._width))
        if self._options.stages:
            print(live.tree(call, verdict, colour=self._colour))

    def finish(self, loss: Loss) -> Summary:
        """Print the summary, complete the recording."""
        summary = summarise(self.kinds, loss.lost)
        if self._writer:
            self._writer.close(summary)
        if self._options.json:
            print(json.dumps({"summary": summary._asdict()}), flush=True)
        else:
            waiting = f"; {loss.in_flight} still in the call" if loss.in_flight else ""
            say(f"{summary}{waiting}")
        return summary
