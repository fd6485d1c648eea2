"""The live report: one line per call, and with ``--stages`` the value at each stage as a small tree."""

from collections.abc import Iterator

from listenwatch.call.record import Flag, ListenCall
from listenwatch.call.text import limit_of, local_address, protocol_of, state_name, state_of
from listenwatch.linux.clock import time_of_day
from listenwatch.linux.names import errno_text
from listenwatch.linux.terminal import DIM, RED, RED_BOLD, YELLOW, escape, paint
from listenwatch.linux.text_width import shortened
from listenwatch.model.inputs import EntryPath, Family, Socket
from listenwatch.model.stages import Holds, StageIndex
from listenwatch.report.columns import Column, Layout, number_cell, wrapped
from listenwatch.report.owner import owner_text, with_owner
from listenwatch.report.text import beyond_numbers, brief, reason, value_text
from listenwatch.verdict.compare import Verdict, VerdictKind
from listenwatch.verdict.conditions import is_clamped

_COLUMNS = (
    Column("TIME", 8), Column("PID", -7), Column("COMMAND", 12), Column("PROTO", 5, 1), Column("LOCAL", 17),
    Column("BACKLOG", 15), Column("SOMAX", -5), Column("STATE", 12, 3), Column("WHY", 29, 2), Column("VERDICT", 7),
)  # fmt: skip
_HUES = {VerdictKind.AGREE: DIM, VerdictKind.DISAGREE: RED_BOLD}
_QUIET = {VerdictKind.AGREE: "agree"}


def layout_for(width: int | None) -> Layout:
    """The columns for a terminal of this width, all of them for None: once chosen, they stay."""
    return Layout(_COLUMNS, width)


PLAIN = layout_for(None)
HEADER = PLAIN.heads


def line(call: ListenCall, verdict: Verdict, *, colour: bool, layout: Layout = PLAIN, tree: bool = False) -> str:
    """One call in one line; below it, where the line has no room for it, why it went so, unless a ``tree`` says it."""
    sock = call.post if call.post.seen else call.pre
    local = escape(local_address(call)) or "-"
    cells = {
        "TIME": time_of_day(call.time_ns), "PID": str(call.pid), "COMMAND": escape(call.comm),
        "PROTO": protocol_of(sock) or "-",
        "LOCAL": shortened(local, layout.room_of("LOCAL")) if sock.family == Family.UNIX else local,
        "BACKLOG": paint(*_backlog(call, verdict), on=colour),
        "SOMAX": number_cell(call.somaxconn) if sock.seen else "-",
        "STATE": _state_change(call),
    }  # fmt: skip
    hue = _HUES.get(verdict.kind, YELLOW)
    word = _QUIET.get(verdict.kind, verdict.kind.value)
    why = with_owner(_of_all(call, escape(brief(call, verdict))), owner_text(call)) if layout.shows("WHY") else ""
    beyond = "" if tree and verdict.kind in _QUIET else escape(beyond_numbers(call, verdict))
    beyond = with_owner(_of_all(call, beyond), _owner_beyond_name(call))
    whole = layout.place({**cells, "WHY": why, "VERDICT": paint(word, hue, on=colour)})
    if len(whole) == 1 and (why or not beyond):
        return whole[0]
    first = layout.place({**cells, "WHY": "", "VERDICT": paint(word, hue, on=colour)})
    bare = layout.place({**cells, "WHY": "", "VERDICT": ""})
    if len(first) > len(bare):  # no room for the verdict: it stands below, but for one that is quiet
        first = bare
        beyond = beyond if verdict.kind in _QUIET else f"{word}: {beyond}"
    below = wrapped(beyond, "    ", later="", width=layout.width)
    return "\n".join([*first, *(paint(text, hue, on=colour) for text in below)])


def _of_all(call: ListenCall, text: str) -> str:
    """The text, and before it of how many calls it is: ``x 1,234 the same; as asked``."""
    return "; ".join(filter(None, (f"x {call.repeats:,} the same", text))) if call.repeats > 1 else text


def _owner_beyond_name(call: ListenCall) -> str:
    """Whose the call is, where that says more than COMMAND does."""
    owner = owner_text(call)
    return "" if owner == f"{escape(call.comm)}.service" else owner


def _backlog(call: ListenCall, verdict: Verdict) -> tuple[str, str]:
    """What became of the backlog asked for, and the colour that says how it went."""
    asked = number_cell(call.asked)
    if not call.flags & Flag.RETURNED:
        return f"{asked}→?", YELLOW
    if call.result < 0:
        return f"{asked}→{errno_text(call.result)}", RED
    stored = number_cell(call.stored)
    text = asked if asked == stored else f"{asked}→{stored}"
    if is_clamped(call, verdict):
        return f"{text} clamped", YELLOW
    return text, "" if asked == stored else YELLOW


def tree(call: ListenCall, verdict: Verdict, *, colour: bool, width: int | None = None) -> str:
    """The stages of one call, each with its argument or return value and the socket as it was there."""
    rows = list(_rows(call))
    longest = max(len(label) for label, *_ in rows) if width else 32
    lines = []
    for number, (label, value, values) in enumerate(rows, start=1):
        branch, below = ("└─", "  ") if number == len(rows) else ("├─", "│ ")
        text = f"  {branch} {label:<{longest}} {value:<{16 if width else 22}}"
        if width and len(text) + 1 + len(values) > width:
            lines += [text.rstrip(), f"  {below} {'':<{longest}} {values}"]
        else:
            lines.append(f"{text} {values}".rstrip())
    text = f"{verdict.rule}: {escape(reason(call, verdict))}"
    lines += wrapped(text, "     ", later="", width=width) if width else [f"     {text}"]
    return "\n".join(paint(text, DIM, on=colour) for text in lines)


def _rows(call: ListenCall) -> Iterator[tuple[str, str, str]]:
    asked = "not seen" if call.asked is None else str(call.asked)
    descriptor = f"{call.fd}, " if call.entry_path in (EntryPath.SYSCALL, EntryPath.COMPAT) else ""
    somaxconn = "not seen" if call.somaxconn is None else call.somaxconn
    where = f"somaxconn {somaxconn}, netns {call.netns_inode}"
    before, after = call.pre, call.post
    values = _of_socket(before) if before.seen else "no socket"
    yield f"listen({descriptor}{asked})", values, where if before.seen else ""
    for index in StageIndex:
        stage = call.stages.get(index)
        if stage is not None:
            label, values = index.label, _values(stage.state, stage.max_ack_backlog)
            yield label, values, stage_argument(index, stage.value)
    result = errno_text(call.result) if call.flags & Flag.RETURNED else "not seen"
    values = _of_socket(after) if after.seen else ""
    subflow = _of_socket(after, "subflow_")
    yield f"returns {result}", values, f"subflow: {subflow}" if after.subflow_state else ""


def stage_argument(index: StageIndex, value: int) -> str:
    """A stage's value with the word that says what it is: ``backlog 128``, ``by inet_hash``, ``= 0``."""
    match index.holds:
        case Holds.NOTHING:
            return ""
        case Holds.BACKLOG:
            return f"backlog {value}"
        case Holds.RESULT:
            return f"= {value_text(index, value)}"
        case Holds.OLD_STATE:
            return f"from {value_text(index, value)}"
        case Holds.HASH:
            return f"by {value_text(index, value)}"


def _values(state: int, max_ack_backlog: int) -> str:
    return f"{state_name(state)} limit {max_ack_backlog}"


def _of_socket(sock: Socket, owner: str = "") -> str:
    limit = limit_of(sock, owner)
    return f"{state_of(sock, owner)} limit {'?' if limit is None else limit}"


def _state_change(call: ListenCall) -> str:
    if not call.pre.seen:
        return "-"
    if call.asked is None:
        return "CLOSE→LISTEN"  # all that was seen of the call
    before = state_of(call.pre)
    after = state_of(call.post) if call.post.seen else "?"
    return before if before == after else f"{before}→{after}"
