"""The live report: one line per call, and with ``--stages`` the value at each stage as a small tree."""

from __future__ import annotations

from collections.abc import Iterator

from listenwatch.jsonlines import time_of_day
from listenwatch.model.inputs import Door
from listenwatch.model.stages import STAGE_LABELS, StageIndex
from listenwatch.names import local_address, protocol_of
from listenwatch.reasons import brief, errno_text
from listenwatch.record import Flag, ListenCall, Stage
from listenwatch.report.columns import in_columns
from listenwatch.terminal import DIM, GREEN, RED, YELLOW, escape, paint
from listenwatch.verdict import Kind, Verdict, state_name, value_text

# Head and width; below 0: aligned right. Up to the verdict they fill 100 columns.
_COLUMNS = (
    ("TIME", 8),
    ("PID", -7),
    ("COMMAND", 12),
    ("PROTO", 5),
    ("LOCAL", 16),
    ("ASKED", -5),
    ("SOMAX", -5),
    ("STORED", -6),
    ("STATE", 12),
    ("RESULT", -6),
    ("VERDICT", 8),
)
_COLOURS = {Kind.AGREE: GREEN, Kind.DISAGREE: RED}


HEADER = f"{in_columns((head for head, _ in _COLUMNS), _COLUMNS)}  WHY"


def line(call: ListenCall, verdict: Verdict, *, colour: bool, width: int | None = None) -> str:
    """One call in one line; ``width`` cuts the reason, and only it, to a terminal's width."""
    sock = call.post if call.post.seen else call.pre
    result = errno_text(call.result) if call.flags & Flag.RETURNED else "?"
    kind = verdict.kind.value
    head = in_columns(
        (
            time_of_day(call),
            str(call.pid),
            escape(call.comm),
            protocol_of(sock) or "-",
            escape(local_address(call)) or "-",
            _dash(call.asked),
            str(call.environment.somaxconn) if sock.seen else "-",
            _dash(call.stored),
            _state_change(call),
            result,
            kind,
        ),
        _COLUMNS,
    )
    why = escape(brief(call, verdict.outcome) if verdict.kind is Kind.AGREE else verdict.reason)
    gap = " " * max(1, len(HEADER) - 3 - len(head))
    room = (width or 0) - len(head) - len(gap)
    if width and 8 < room < len(why):
        why = why[: room - 1] + "…"
    verdict_text = paint(kind, _COLOURS.get(verdict.kind, YELLOW), on=colour)
    return f"{head.removesuffix(kind)}{verdict_text}{gap}{why}".rstrip()


def tree(call: ListenCall, verdict: Verdict, *, colour: bool) -> str:
    """The stages of one call, each with its argument or return value and the socket as it was there."""
    rows = list(_rows(call))
    lines = []
    for number, (label, value, values) in enumerate(rows, start=1):
        branch = "└─" if number == len(rows) else "├─"
        lines.append(f"  {branch} {label:<32} {value:<22} {values}".rstrip())
    lines.append(f"     {verdict.rule}: {escape(verdict.reason)}")
    return paint("\n".join(lines), DIM, on=colour)


def _rows(call: ListenCall) -> Iterator[tuple[str, str, str]]:
    asked = "not seen" if call.asked is None else str(call.asked)
    descriptor = f"{call.fd}, " if call.door in (Door.SYSCALL, Door.COMPAT) else ""
    where = f"somaxconn {call.environment.somaxconn}, netns {call.netns_inode}"
    before = call.pre
    yield (
        f"listen({descriptor}{asked})",
        _values(before.state, before.max_ack_backlog) if before.seen else "no socket",
        where if before.seen else "",
    )
    for index in StageIndex:
        stage = call.stages.get(index)
        if stage is not None:
            yield STAGE_LABELS[index], *_stage(index, stage)
    after = call.post
    result = errno_text(call.result) if call.flags & Flag.RETURNED else "not seen"
    yield (
        f"returns {result}",
        _values(after.state, after.max_ack_backlog) if after.seen else "",
        f"subflow: {_values(after.subflow_state, after.subflow_max_ack_backlog)}"
        if after.subflow_state
        else "",
    )


def _stage(index: StageIndex, stage: Stage) -> tuple[str, str]:
    return _values(stage.state, stage.max_ack_backlog), stage_argument(index, stage.value)


def stage_argument(index: StageIndex, value: int) -> str:
    """A stage's value with the word that says what it is: ``backlog 128``, ``by inet_hash``, ``= 0``."""
    named = {
        StageIndex.LISTEN_START: "",
        StageIndex.STATE_LISTEN: f"from {value_text(index, value)}",
        StageIndex.STATE_CLOSE: f"from {value_text(index, value)}",
        StageIndex.HASH: f"by {value_text(index, value)}",
    }
    if index in (
        StageIndex.SECURITY_RETURN,
        StageIndex.LISTEN_START_RETURN,
        StageIndex.INET_LISTEN_RETURN,
    ):
        return f"= {value_text(index, value)}"
    return named.get(index, f"backlog {value}")


def _values(state: int, max_ack_backlog: int) -> str:
    return f"{state_name(state)} limit {max_ack_backlog}"


def _state_change(call: ListenCall) -> str:
    if not call.pre.seen:
        return "-"
    if call.asked is None:
        return "CLOSE→LISTEN"  # all that was seen of the call
    before = state_name(call.pre.state)
    after = state_name(call.post.state) if call.post.seen else "?"
    return before if before == after else f"{before}→{after}"


def _dash(number: int | None) -> str:
    return "-" if number is None else str(number)
