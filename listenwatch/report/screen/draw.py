"""The screen as rich draws it: a head, the listeners with a bar each, what is to be said of the selected one, the keys."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from listenwatch.linux.terminal import RED, YELLOW, escape
from listenwatch.report.columns import wrapped
from listenwatch.report.listeners import (
    advice_of,
    findings_text,
    holders_cell,
    hue_of,
    pid_cell,
    row_owner_text,
    who,
)
from listenwatch.report.screen.view import View
from listenwatch.sockets.sampling import Sample, SampledListener

KEYS = "↑↓ choose  f fullest  r refused  p port  n name  / filter  space pause  q quit"
_STYLES = {RED: "red", YELLOW: "yellow", "": ""}
_NEARLY = 0.8
"""Fullness from which the bar is yellow."""
_BARS, _WIDE, _WIDER = 70, 100, 130
"""Columns from which there is room for the bar, for the protocol, and for where the process lives."""
_DETAILS = 0.4
"""Which part of the screen what is said of the selected listener may take."""


def draw(sample: Sample | None, view: View, width: int, height: int) -> RenderableType:
    """Lines for a terminal of this size; ``view`` learns how many listeners fit. No sample: the first look is not over."""
    if sample is None:
        return Text("listenwatch: looking at every network namespace ...")
    head = [_head(sample, view), *(_cut(f"not seen: {reason}", "yellow") for reason in sample.unseen[:2])]
    listed = view.listed(sample)
    details = list(_details(listed[view.selected], width)) if listed else [Text(_nothing(sample, view))]
    details = details[: max(1, int(height * _DETAILS))]
    view.page = max(1, height - len(head) - 1 - 1 - len(details) - 1)
    view.scroll()
    table = _table(listed, view, width)
    space = [Text()] * max(1, height - len(head) - 1 - min(view.page, len(listed)) - len(details) - 1)
    return Group(*head, table, *space[:-1], _rule(listed, view, width), *details, _cut(_keys(view), "reverse"))


def _head(sample: Sample, view: View) -> Text:
    head = _cut(f"{datetime.fromtimestamp(sample.time_ns // 10**9, UTC):%H:%M:%S} UTC  {len(sample.listeners)} listeners  ")
    head.append(f"{sample.full} full", "bold red" if sample.full else "")
    if sample.refused is not None:
        head.append(f"  {sample.refused:.1f} refused/s", "bold red" if sample.refused else "")
    if view.paused:
        head.append("  paused", "bold yellow")
    return head


def _rule(listed: Sequence[SampledListener], view: View, width: int) -> Text:
    """Between the listeners and the details: the order, and which part of the list is shown."""
    last = min(view.first + view.page, len(listed))
    part = f", {view.first + 1}-{last} of {len(listed)}" if len(listed) > view.page else ""
    chosen = f", filter: {escape(view.filter)}" if view.filter else ""
    return _cut(f"── by {view.order}{part}{chosen} ".ljust(width, "─"), "dim")


def _keys(view: View) -> str:
    if view.typing:
        return f"/{escape(view.filter)}▏  Enter keeps the filter, Escape drops it"
    return KEYS


def _nothing(sample: Sample, view: View) -> str:
    if view.filter and sample.listeners:
        return "no listener matches the filter: Escape drops it"
    return "no listener matches the options" if sample.total else "nothing listens"


def _table(listed: Sequence[SampledListener], view: View, width: int) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for head, size, ratio, is_shown in (
        ("PID", 7, 0, True), ("COMMAND", 0, 3, True), ("PROTO", 6, 0, width >= _WIDE), ("LOCAL", 0, 5, True),
        ("FULL", 8 if width < _WIDE else 12, 0, width >= _BARS), ("QUEUE/CAP", 9, 0, True), ("REFUSED/s", 9, 0, True),
        ("DIAGNOSIS", 0, 4, True), ("WHERE", 0, 3, width >= _WIDER),
    ):  # fmt: skip
        if is_shown:
            right = head in ("PID", "QUEUE/CAP", "REFUSED/s")
            table.add_column(
                head, width=size or None, ratio=ratio or None, no_wrap=True, overflow="ellipsis",
                justify="right" if right else "left",
            )  # fmt: skip
    for place in range(view.first, min(view.first + view.page, len(listed))):
        cells = dict(_cells(listed[place]))
        chosen = [cells[str(column.header)] for column in table.columns]
        table.add_row(*chosen, style="reverse" if place == view.selected else "")
    return table


def _cells(sampled: SampledListener) -> Iterator[tuple[str, RenderableType]]:
    row, diagnosis = sampled.shown.row, sampled.shown.diagnosis
    queue, capacity = row.listener.queue, diagnosis.capacity
    yield "PID", Text(pid_cell(row))
    yield "COMMAND", Text(holders_cell(row.holders))
    yield "PROTO", Text(row.listener.protocol)
    yield "LOCAL", Text(escape(row.listener.local) or "-")
    colour = "red" if queue >= capacity else "yellow" if queue >= capacity * _NEARLY else "green"
    completed = min(queue, capacity)
    yield "FULL", ProgressBar(total=capacity, completed=completed, complete_style=colour, finished_style=colour)
    yield "QUEUE/CAP", Text(f"{queue}/{capacity}")
    refused = "-" if sampled.refused is None else f"{sampled.refused:.1f}"
    yield "REFUSED/s", Text(refused, "bold red" if sampled.refused else "")
    yield "DIAGNOSIS", Text(findings_text(sampled.shown), _STYLES[hue_of(sampled.shown)])
    yield "WHERE", Text(row_owner_text(row))


def _details(sampled: SampledListener, width: int) -> Iterator[Text]:
    """Of the selected listener: the cause and the advice, where it is, and why it is diagnosed so."""
    shown = sampled.shown
    row, listener = shown.row, shown.row.listener
    names = f" ({', '.join(row.namespace.names)})" if row.namespace.names else ""
    asked = "" if shown.asked is None else f", asked for {shown.asked}"
    drops = "" if listener.drops is None else f"; {listener.drops} refused since it was made"
    somaxconn = "unknown" if row.somaxconn is None else row.somaxconn
    yield _cut(who(row), "bold")
    lines = [*advice_of(shown)] if shown.is_advised else []
    lines.append(f"namespace {row.namespace.inode}{names}, somaxconn {somaxconn}, limit {listener.limit}{asked}{drops}")
    lines += [f"{finding.value}: {reason}" for finding, reason in shown.diagnosis.reasons.items()]
    for line in lines:
        yield from map(_cut, wrapped(escape(line.strip()), width=width))


def _cut(text: str, style: str = "") -> Text:
    return Text(text, style, no_wrap=True, overflow="ellipsis")
