"""How listeners are shown: a table for each network namespace, then the reasons and the advice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from listenwatch.advice import Advice, as_lines
from listenwatch.report.columns import in_columns
from listenwatch.sockets.diagnosis import Diagnosis, Finding
from listenwatch.sockets.inventory import Row
from listenwatch.sockets.namespaces import Namespace
from listenwatch.sockets.processes import Process
from listenwatch.terminal import RED, YELLOW, escape, paint

WIDTH = 100
MOST_ADVICE = 10
_COLUMNS = (
    ("PID", -7),
    ("COMMAND", 14),
    ("PROTO", 6),
    ("LOCAL", 20),
    ("QUEUE", -5),
    ("ROOM", -5),
    ("LIMIT", -5),
    ("ASKED", -5),
)
_COLOURS = {Finding.FULL: RED, Finding.STALE: YELLOW, Finding.CLAMPED: YELLOW, Finding.LIMIT_0: RED}
_INDENT = " " * (sum(abs(width) + 1 for _, width in _COLUMNS) + 1)


class Shown(NamedTuple):
    """A listener with what is said of it."""

    row: Row
    diagnosis: Diagnosis
    asked: int | None
    advice: Advice | None


def who(row: Row) -> str:
    """The listener in a few words: ``redis-server (pid 12) on 0.0.0.0:6379``."""
    names = (
        f"{escape(row.holders[0].name)} (pid {row.holders[0].pid})" if row.holders else "unknown"
    )
    return f"{names} on {escape(row.listener.local) or 'no address'}"


def as_text(shown: Sequence[Shown], *, colour: bool) -> Iterator[str]:
    """Tables by namespace, in the order given; then the advice."""
    groups: dict[Namespace, list[Shown]] = {}
    for one in shown:
        groups.setdefault(one.row.namespace, []).append(one)
    for namespace, group in groups.items():
        names = f" ({', '.join(map(escape, namespace.names))})" if namespace.names else ""
        own = ", this one" if namespace.is_own else ""
        somaxconn = group[0].row.somaxconn
        limit = "unknown" if somaxconn is None else somaxconn
        yield f"Network namespace {namespace.inode}{names}{own}: net.core.somaxconn {limit}"
        yield f"{in_columns((head for head, _ in _COLUMNS), _COLUMNS)}  DIAGNOSIS"
        for one in group:
            yield from _rows(one, colour)
        yield ""
    yield from _advice(shown)


def _rows(one: Shown, colour: bool) -> Iterator[str]:
    row, listener = one.row, one.row.listener
    first = row.holders[0] if row.holders else None
    head = in_columns(
        (
            str(first.pid) if first else "?",
            _name(row.holders),
            listener.protocol,
            escape(listener.local) or "-",
            str(listener.queue),
            str(one.diagnosis.capacity),
            str(listener.limit),
            "-" if one.asked is None else str(one.asked),
        ),
        _COLUMNS,
    )
    worst = next(iter(one.diagnosis.reasons), None)
    words = one.diagnosis.words + (f" [{escape(first.where)}]" if first and first.where else "")
    first_line, *rest = wrap(words, max(20, WIDTH - len(_INDENT))) or [""]
    start = f"{head}  " if len(head) + 2 <= len(_INDENT) else f"{head} "
    yield f"{start.ljust(len(_INDENT))}{paint(first_line, _COLOURS.get(worst, '') if worst else '', on=colour and worst in _COLOURS)}"
    yield from (f"{_INDENT}{line}" for line in rest)


def _name(holders: tuple[Process, ...]) -> str:
    if not holders:
        return "unknown"
    more = f" +{len(holders) - 1}" if len(holders) > 1 else ""
    name = escape(holders[0].name)
    room = 14 - len(more)
    return f"{name if len(name) <= room else name[: room - 1] + '…'}{more}"


def _advice(shown: Sequence[Shown]) -> Iterator[str]:
    advised = [one for one in shown if one.advice]
    for one in advised[:MOST_ADVICE]:
        if one.advice:
            yield from wrapped(as_lines(one.row, one.advice, f"Advice for {who(one.row)}"))
        for finding, reason in one.diagnosis.reasons.items():
            yield from wrapped([f"  {finding.value}: {escape(reason)}"])
    if len(advised) > MOST_ADVICE:
        yield f"Advice for {len(advised) - MOST_ADVICE} more: choose them with -p, -n, -P or --netns."


def wrapped(lines: Iterable[str]) -> Iterator[str]:
    """Each line within the width."""
    for line in lines:
        yield from wrap(escape(line), WIDTH, subsequent_indent="     ", break_on_hyphens=False)


def as_json(one: Shown) -> dict[str, Any]:
    """One listener as one JSON object; stable keys."""
    row, listener = one.row, one.row.listener
    return {
        "netns": row.namespace.inode,
        "netns_names": row.namespace.names,
        "protocol": listener.protocol,
        "local": listener.local or None,
        "port": listener.port or None,
        "queue": listener.queue,
        "capacity": one.diagnosis.capacity,
        "limit": listener.limit,
        "asked": one.asked,
        "somaxconn": row.somaxconn,
        "reuseport_group": row.group,
        "inode": listener.inode,
        "socket_cookie": listener.cookie,
        "processes": [process._asdict() for process in row.holders] or None,
        "diagnosis": [
            {"finding": finding.name.lower(), "reason": reason}
            for finding, reason in one.diagnosis.reasons.items()
        ],
        "advice": one.advice._asdict() if one.advice else None,
    }
