"""How refused connections are shown: a line for each listener, kind and interval; then totals, counters, advice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tabulate import tabulate

from listenwatch.advice import Advice, as_lines
from listenwatch.engines.overflow import Counted
from listenwatch.model.inputs import Family
from listenwatch.overflow.kinds import Kind
from listenwatch.overflow.ledger import Line
from listenwatch.overflow.listeners import Named, local_of
from listenwatch.report.columns import in_columns
from listenwatch.report.sockets import MOST_ADVICE, wrapped
from listenwatch.sockets.inventory import Row
from listenwatch.terminal import RED, escape, paint

# With the last column they fill 100 columns.
_COLUMNS = (
    ("TIME", 8),
    ("PID", -7),
    ("COMMAND", 13),
    ("PROTO", 5),
    ("LOCAL", 16),
    ("QUEUE", -5),
    ("LIMIT", -5),
    ("COUNT", -7),
    ("PEERS", -6),
)


class Event(NamedTuple):
    """What one listener's connections met ``times`` times in one interval, or in all of them."""

    time: str
    named: Named
    kind: Kind
    local: str
    port: int | None
    netns: int
    times: int
    peers: int
    more_peers: bool
    queue: int | None
    limit: int | None


def event(time: str, counted: Counted, named: Named, count: int, peers: int) -> Event:
    """The line for a count; where the probe did not see the queue, as sock_diag has it."""
    kind = Kind(counted.kind)
    queue: int | None = counted.qlen if kind.is_of_syn_queue else counted.queue
    limit: int | None = counted.limit
    local = local_of(counted)
    if not counted.sk:
        listener = named.row.listener if named.row else None
        queue = listener.queue if listener and not kind.is_of_syn_queue else None
        limit = listener.limit if listener else None
        local = listener.local if listener else local
    more = bool(counted.peers_untold)
    port = None if counted.family == Family.UNIX else counted.port
    return Event(time, named, kind, local, port, counted.netns, count, peers, more, queue, limit)


def header(last: str = "WHAT") -> str:
    """The head of the table."""
    return f"{in_columns((head for head, _ in _COLUMNS), _COLUMNS)}  {last}"


def line(one: Event, *, colour: bool) -> str:
    """One event in one line."""
    row = one.named.row
    cells = (
        one.time,
        str(row.holders[0].pid) if row and row.holders else "?",
        _name(row),
        row.listener.protocol if row else "-",
        escape(one.local) or "-",
        "-" if one.queue is None else str(one.queue),
        "-" if one.limit is None else str(one.limit),
        str(one.times),
        f"{one.peers}{'+' if one.more_peers else ''}",
    )
    some = f" (one of {one.named.one_of} sockets)" if one.named.one_of > 1 else ""
    loud = one.kind is not Kind.SYN_COOKIE_SENT
    return f"{in_columns(cells, _COLUMNS)}  {paint(one.kind.word, RED, on=colour and loud)}{some}"


def _name(row: Row | None) -> str:
    if row is None or not row.holders:
        return "unknown"
    more = f" +{len(row.holders) - 1}" if len(row.holders) > 1 else ""
    name, room = escape(row.holders[0].name), 13 - len(more)
    return f"{name if len(name) <= room else name[: room - 1] + '…'}{more}"


def ending(
    events: Sequence[Event], lines: Sequence[Line], advice: Sequence[tuple[str, Row, Advice]]
) -> Iterator[str]:
    """What each kind means, the kernel's counters beside what was named, and what to do."""
    for kind in sorted({one.kind for one in events}):
        yield from wrapped([f"{kind.word}: {kind.meaning}."])
    if lines:
        yield ""
        yield from _counters(lines)
    if advice:
        yield ""
    for who, row, one in advice[:MOST_ADVICE]:
        yield from wrapped(as_lines(row, one, f"Advice for {who}"))
    if len(advice) > MOST_ADVICE:
        yield f"Advice for {len(advice) - MOST_ADVICE} more: choose them with -p, -n, -P or --netns."


def _counters(lines: Sequence[Line]) -> Iterator[str]:
    rows = [
        (
            each.namespace.inode,
            each.counter,
            str(each.most) if each.least == each.most else f"{each.least} to {each.most}",
            each.seen,
            each.difference or "none",
        )
        for each in lines
    ]
    heads = ("network namespace", "counter", "counted by the kernel", "seen here", "difference")
    align = ("left", "left", "right", "right", "right")
    yield from tabulate(rows, headers=heads, colalign=align).splitlines()


def as_json(one: Event) -> dict[str, Any]:
    """One event as one JSON object; stable keys."""
    row = one.named.row
    return {
        "time": one.time,
        "netns": one.netns,
        "protocol": row.listener.protocol if row else None,
        "local": one.local,
        "port": one.port,
        "kind": one.kind.name.lower(),
        "count": one.times,
        "peers": one.peers,
        "more_peers": one.more_peers,
        "queue": one.queue,
        "limit": one.limit,
        "somaxconn": row.somaxconn if row else None,
        "socket_cookie": row.listener.cookie if row else None,
        "one_of": one.named.one_of,
        "processes": [process._asdict() for process in row.holders] or None if row else None,
    }


def summary_as_json(
    lines: Sequence[Line], advice: Sequence[tuple[str, Row, Advice]], **more: object
) -> dict[str, Any]:
    """The last JSON line."""
    return {
        "summary": {
            **more,
            "counters": [
                {
                    "netns": each.namespace.inode,
                    "counter": each.counter,
                    "kernel_least": each.least,
                    "kernel_most": each.most,
                    "seen": each.seen,
                    "difference": each.difference,
                }
                for each in lines
            ],
            "advice": [{"listener": who, **one._asdict()} for who, _, one in advice],
        }
    }
