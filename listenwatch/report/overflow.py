"""How refused connections are shown: a line for each listener, kind and interval; then totals, counters, advice."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TextIO

from tabulate import tabulate

from listenwatch.linux.clock import time_of_day
from listenwatch.linux.terminal import RED, escape, paint
from listenwatch.overflow.counters import CounterComparison
from listenwatch.overflow.kinds import ACKS, OverflowKind
from listenwatch.overflow.watch import OverflowEvent, OverflowSummary
from listenwatch.report.columns import Column, Layout, number_cell, wrapped
from listenwatch.report.listeners import (
    advice_lines,
    holders_cell,
    local_cell,
    pid_cell,
    row_owner_text,
)
from listenwatch.report.overflow_json import event_line, summary_line
from listenwatch.report.overflow_words import WORDS
from listenwatch.report.owner import with_owner

_COLUMNS = (
    Column("TIME", 8), Column("PID", -7), Column("COMMAND", 13), Column("PROTO", 5, 1), Column("LOCAL", 16),
    Column("QUEUE", -5), Column("LIMIT", -5), Column("COUNT", -5), Column("CONNS", -5, 1),
    Column("PEERS", -5, 2), Column("WHAT", 11),
)  # fmt: skip


def layout_for(width: int | None) -> Layout:
    """The columns for a terminal of this width, all of them for None."""
    return Layout(_COLUMNS, width)


PLAIN = layout_for(None)


class Report:
    """Lines as they come, then the end: for people, or as JSON a line for each event, the summary last."""

    def __init__(
        self, out: TextIO, *, json_lines: bool, unlisted: str = "", colour: bool = False, width: int | None = None
    ) -> None:
        """``unlisted``: whose namespaces could not be found, and what to do."""
        self._unlisted = unlisted
        self._out, self._json, self._colour, self._layout = out, json_lines, colour, layout_for(width)
        if not json_lines:
            print(self._layout.heads, file=out, flush=True)

    def events(self, events: Sequence[OverflowEvent]) -> None:
        """What came in one interval."""
        for event in events:
            text = json.dumps(event_line(event)) if self._json else line(event, self._layout, colour=self._colour)
            print(text, file=self._out)
        self._out.flush()

    def end(self, summary: OverflowSummary) -> None:
        """The totals, what each kind means, the counters compared, and what to change."""
        objects = [json.dumps(summary_line(summary, self._unlisted))] if self._json else None
        print("\n".join(objects or ending(summary, self._layout, colour=self._colour)), file=self._out)


def line(event: OverflowEvent, layout: Layout = PLAIN, *, colour: bool, timed: bool = True) -> str:
    """One event in one line, or more where there is no room for all it says; a total has no time."""
    row, one_of = event.counted_listener
    cells = {
        "TIME": time_of_day(event.time_ns) if timed else "", "PID": pid_cell(row), "COMMAND": holders_cell(row.holders if row else ()),
        "PROTO": row.listener.protocol if row else "-", "LOCAL": local_cell(row, escape(event.local) or "-", layout),
        "QUEUE": number_cell(event.queue), "LIMIT": number_cell(event.limit), "COUNT": str(event.times),
        "CONNS": connections_cell(event), "PEERS": f"{event.peers}{'+' if event.more_peers else ''}",
    }  # fmt: skip
    some = f" (one of {one_of} sockets)" if one_of > 1 else ""
    red = colour and event.kind is not OverflowKind.SYN_COOKIE_SENT
    what = with_owner(f"{WORDS[event.kind][0]}{some}", row_owner_text(row))
    return "\n".join(layout.flow(cells, what, partial(paint, colour=RED, on=red)))


def connections_cell(event: OverflowEvent) -> str:
    """How many connections were attempted; ``-`` where they cannot be told apart."""
    return number_cell(event.connections) + ("+" if event.connections is not None and event.more_connections else "")


def ending(summary: OverflowSummary, layout: Layout = PLAIN, *, colour: bool) -> Iterator[str]:
    """The lines after the last event."""
    width = layout.width
    if not summary.totals:
        yield f"No connection lacked room in {summary.seconds:.0f} s."
    else:
        yield f"\nTogether, in {summary.seconds:.0f} s (PEERS: the most in one interval):"
        yield from (line(event, layout, colour=colour, timed=False) for event in summary.totals)
        yield ""
        for text in filter(None, map(_of_connections, summary.totals)):
            yield from wrapped(text, width=width)
    for kind in sorted({event.kind for event in summary.totals}):
        word, meaning = WORDS[kind]
        yield from wrapped(f"{word}: {meaning}.", later="     ", width=width)
    if summary.counters:
        yield ""
        yield from _counters(summary.counters)
    if summary.advised:
        yield ""
    yield from advice_lines(summary.advised, width=width)


def _of_connections(event: OverflowEvent) -> str:
    """That fewer connections were attempted than packets dropped: ``284 SYNs to 10.0.0.1:80 were of 71 connections``."""
    if not event.connections or event.times == event.connections:
        return ""
    packets = "ACKs" if event.kind in ACKS else "SYNs"
    return f"{event.times} {packets} to {escape(event.local)} were of {connections_cell(event)} connections."


def _counters(counters: Sequence[CounterComparison]) -> Iterator[str]:
    rows = []
    for row in counters:
        moved = str(row.most) if row.least == row.most else f"{row.least} to {row.most}"
        rows.append((row.namespace.inode, row.counter, moved, row.seen, row.difference or "none"))
    heads = ("namespace", "counter", "kernel counted", "seen here", "difference")
    align = ("left", "left", "right", "right", "right")
    yield from tabulate(rows, headers=heads, colalign=align).splitlines()
