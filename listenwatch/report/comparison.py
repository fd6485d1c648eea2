"""Forecasts for several kernels, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from listenwatch.behaviours import value_text
from listenwatch.forecast import Forecast
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.eras import name
from listenwatch.reasons import errno_text
from listenwatch.report.forecast import WIDTH, era_of, meaning, table, wrapped


def compared(found: Sequence[Forecast]) -> str:
    """Several kernels side by side; a row in which they differ begins with ``*``.

    Of the fields of Behaviour only those that differ are shown.
    """
    columns = [dict(comparison(one)) for one in found]
    labels = list(dict.fromkeys(label for column in columns for label in column))
    rows = []
    for label in labels:
        cells = [column.get(label, "-") for column in columns]
        differ = any(one != other for one, other in pairwise(cells))
        if differ or label not in Behaviour._fields:
            rows.append(("*" if differ else "", label, *cells))
    width = max(10, (WIDTH - 32) // len(found) - 2)
    heads = ("", "", *(name(one.version) for one in found))
    parts = [table(rows, heads, [1, 28, *[width] * len(found)])]
    for one in found:
        parts += [wrapped(f"Note: {name(one.version)}: {note}") for note in one.notes]
    return "\n\n".join(parts)


def comparison(found: Forecast) -> Iterator[tuple[str, str]]:
    """The rows of one kernel: the call, what it means, and every field of its Behaviour."""
    yield "era begins with", era_of(found)
    yield "somaxconn", str(found.environment.somaxconn)
    yield "result", errno_text(found.outcome.result)
    yield "backlog rule", found.outcome.backlog_rule.value
    yield "rule", found.outcome.rule.value
    yield from meaning(found)
    for meeting in found.meetings:
        answer, counters = meeting.fate.answer, meeting.fate.counters
        yield meeting.situation, "\n".join((answer.name, *counters))
    for other in found.others:
        sock = other.subflow or other.socket
        left = f", stored {sock.max_ack_backlog}" if sock else ""
        yield f"or {other.rule.value}", f"{errno_text(other.result)}{left}"
    for field, value in found.behaviour._asdict().items():
        yield field, value_text(value)
