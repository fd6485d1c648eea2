"""The live report: one line per call, and with ``--stages`` the value at each stage as a small tree."""

from __future__ import annotations

from collections.abc import Iterator

from listenwatch.jsonlines import time_of_day
from listenwatch.model.stages import STAGE_LABELS, StageIndex
from listenwatch.names import local_address, protocol_of
from listenwatch.reasons import brief, errno_text
from listenwatch.record import Flag, ListenCall, Stage
from listenwatch.terminal import DIM, GREEN, RED, YELLOW, escape, paint
from listenwatch.verdict import Kind, Verdict, state_name, value_text

HEADER = (
    f"{'TIME':<8} {'PID':>7} {'COMMAND':<12} {'PROTO':<6} {'LOCAL':<19} {'ASKED':>6} {'SOMAX':>5} "
    f"{'STORED':>6} {'STATE':<12} {'RESULT':<6} VERDICT  WHY"
)
_COLOURS = {Kind.AGREE: GREEN, Kind.DISAGREE: RED}


def line(call: ListenCall, verdict: Verdict, *, colour: bool, width: int | None = None) -> str:
    """One call in one line; ``width`` cuts the reason, and only it, to a terminal's width."""
    sock = call.post if call.post.seen else call.pre
    result = errno_text(call.result) if call.flags & Flag.RETURNED else "?"
    head = (
        f"{time_of_day(call)} {call.pid:>7} {escape(call.comm):<12} {protocol_of(sock):<6} "
        f"{escape(local_address(call)) or '-':<19} {call.backlog:>6} "
        f"{call.environment.somaxconn if sock.seen else '-':>5} {_dash(call.stored):>6} "
        f"{_state_change(call):<12} {result:<6} "
    )
    why = escape(brief(call, verdict.outcome) if verdict.kind is Kind.AGREE else verdict.reason)
    room = (width or 0) - len(head) - 9
    if width and 8 < room < len(why):
        why = why[: room - 1] + "…"
    kind = f"{verdict.kind.value:<8}"
    return head + paint(kind, _COLOURS.get(verdict.kind, YELLOW), on=colour) + f" {why}"


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
    number = "" if call.fd == -1 else f"{call.fd}, "
    where = f"somaxconn {call.environment.somaxconn}, netns {call.netns_inode}"
    before = call.pre
    yield (
        f"listen({number}{call.backlog})",
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
    named = {
        StageIndex.LISTEN_START: "",
        StageIndex.STATE_LISTEN: f"from {value_text(index, stage.value)}",
        StageIndex.STATE_CLOSE: f"from {value_text(index, stage.value)}",
        StageIndex.HASH: f"by {value_text(index, stage.value)}",
    }
    argument = named.get(index, f"backlog {stage.value}")
    if index in (
        StageIndex.SECURITY_RETURN,
        StageIndex.LISTEN_START_RETURN,
        StageIndex.INET_LISTEN_RETURN,
    ):
        argument = f"= {value_text(index, stage.value)}"
    return _values(stage.state, stage.max_ack_backlog), argument


def _values(state: int, max_ack_backlog: int) -> str:
    return f"{state_name(state)} limit {max_ack_backlog}"


def _state_change(call: ListenCall) -> str:
    if not call.pre.seen:
        return "-"
    before = state_name(call.pre.state)
    after = state_name(call.post.state) if call.post.seen else "?"
    return before if before == after else f"{before}→{after}"


def _dash(number: int | None) -> str:
    return "-" if number is None else str(number)
