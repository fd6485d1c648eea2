"""How listeners are shown: a table for each network namespace, then the reasons and the advice."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from listenwatch.linux.netns import Namespace
from listenwatch.linux.terminal import escape, paint
from listenwatch.report.columns import Column, Layout, number_cell, wrapped
from listenwatch.report.listeners import (
    advice_lines,
    findings_text,
    holders_cell,
    hue_of,
    local_cell,
    pid_cell,
    row_owner_text,
    who,
)
from listenwatch.report.owner import with_owner
from listenwatch.sockets.look import DiagnosedListener
from listenwatch.sockets.sampling import Sample

_COLUMNS = (
    Column("PID", -7), Column("COMMAND", 14), Column("PROTO", 6, 2), Column("LOCAL", 18), Column("QUEUE", -5),
    Column("CAPACITY", -8, 3), Column("LIMIT", -5), Column("ASKED", -5, 1), Column("DIAGNOSIS", 29),
)  # fmt: skip
MOST_REFUSING = 10


def as_text(
    listeners: Sequence[DiagnosedListener], *, colour: bool, width: int | None = None
) -> Iterator[str]:
    """Tables by namespace, in the order given; then the advice."""
    rows = [_cells(shown) for shown in listeners]
    layout = Layout.of_rows(_COLUMNS, rows, width)
    groups: dict[Namespace, list[tuple[DiagnosedListener, dict[str, str]]]] = {}
    for shown, cells in zip(listeners, rows, strict=True):
        groups.setdefault(shown.row.namespace, []).append((shown, cells))
    for namespace, group in groups.items():
        names = f" ({', '.join(map(escape, namespace.names))})" if namespace.names else ""
        own = ", this one" if namespace.is_own else ""
        somaxconn = group[0][0].row.somaxconn
        value = "unknown" if somaxconn is None else somaxconn
        yield from wrapped(
            f"Network namespace {namespace.inode}{names}{own}: net.core.somaxconn {value}", width=width
        )
        yield layout.heads
        for shown, cells in group:
            yield from _lines(shown, cells, layout, colour)
        yield ""
    yield from advice_lines(listeners, with_reasons=True, width=width)


def _cells(shown: DiagnosedListener) -> dict[str, str]:
    """The cells before the diagnosis."""
    row, listener = shown.row, shown.row.listener
    return {
        "PID": pid_cell(row), "COMMAND": holders_cell(row.holders), "PROTO": listener.protocol,
        "LOCAL": escape(listener.local) or "-", "QUEUE": number_cell(listener.queue),
        "CAPACITY": number_cell(shown.diagnosis.capacity), "LIMIT": number_cell(listener.limit),
        "ASKED": number_cell(shown.asked),
    }  # fmt: skip


def _lines(shown: DiagnosedListener, cells: Mapping[str, str], layout: Layout, colour: bool) -> Iterator[str]:
    findings = with_owner(findings_text(shown), row_owner_text(shown.row))
    hue = hue_of(shown)
    local = local_cell(shown.row, cells["LOCAL"], layout)
    yield from layout.flow({**cells, "LOCAL": local}, findings, partial(paint, colour=hue, on=colour))


def sample_head(sample: Sample, width: int | None = None) -> Iterator[str]:
    """Before the tables of a sample: when it was taken, and which listeners refused since the one before."""
    refused = "" if sample.refused is None else f", {sample.refused:.1f} refused/s"
    time = datetime.fromtimestamp(sample.time_ns // 10**9, UTC)
    yield f"{time:%Y-%m-%dT%H:%M:%SZ}: {len(sample.listeners)} listeners, {sample.full} full{refused}"
    refusing = sorted((s for s in sample.listeners if s.refused), key=lambda s: -(s.refused or 0))
    for sampled in refusing[:MOST_REFUSING]:
        yield from wrapped(f"  {sampled.refused:.1f} refused/s by {who(sampled.shown.row)}", width=width)
    if len(refusing) > MOST_REFUSING:
        yield f"  and by {len(refusing) - MOST_REFUSING} more"
