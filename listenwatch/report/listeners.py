"""What ``sockets`` and ``overflow`` show alike of a listener: who holds it, and the advice for it."""

from collections.abc import Iterable, Iterator, Sequence

from listenwatch.linux.processes import Process
from listenwatch.linux.terminal import RED, YELLOW, escape
from listenwatch.linux.text_width import shortened
from listenwatch.report.columns import Layout, wrapped
from listenwatch.report.consumer import first_aid, sentence
from listenwatch.report.owner import owner_text
from listenwatch.sockets.diagnosis import Finding
from listenwatch.sockets.inventory import ListenerRow
from listenwatch.sockets.look import DiagnosedListener

MOST_ADVICE = 10
_HUES = {Finding.FULL: RED, Finding.LIMIT_0: RED, Finding.STALE: YELLOW, Finding.CLAMPED: YELLOW}
LONGEST_NAME = 32


def pid_cell(row: ListenerRow | None) -> str:
    """The PID of the first holder."""
    return str(row.holders[0].pid) if row and row.holders else "?"


def holders_cell(holders: Sequence[Process]) -> str:
    """The name of the first holder, whole unless it is far longer than names are, and how many more there are."""
    if not holders:
        return "unknown"
    more = f" +{len(holders) - 1}" if len(holders) > 1 else ""
    return f"{shortened(escape(holders[0].name), LONGEST_NAME)}{more}"


def local_cell(row: ListenerRow | None, local: str, layout: Layout) -> str:
    """An address as it is; the path of an AF_UNIX socket without its middle where there is no room for it."""
    is_path = row is not None and row.listener.protocol.startswith("unix")
    return shortened(local, layout.room_of("LOCAL")) if is_path else local


def row_owner_text(row: ListenerRow | None) -> str:
    """Whose it is in one word, as ``owner_text``: the .socket unit it was made for, else by the first holder; may be empty."""
    if row and row.socket_unit:
        return row.socket_unit.name
    return owner_text(row.holders[0].owner) if row and row.holders else ""


def who(row: ListenerRow) -> str:
    """The listener in a few words: ``redis-server (pid 12) on 0.0.0.0:6379``."""
    holder = row.holders[0] if row.holders else None
    name = f"{escape(holder.name)} (pid {holder.pid})" if holder else "unknown"
    return f"{name} on {escape(row.listener.local) or 'no address'}"


def advice_lines(
    listeners: Iterable[DiagnosedListener], *, with_reasons: bool = False, width: int | None = None
) -> Iterator[str]:
    """The advice for the first few of the listeners that have some."""
    advised = [shown for shown in listeners if shown.is_advised]
    for shown in advised[:MOST_ADVICE]:
        lines = [f"Advice for {who(shown.row)}:", *advice_of(shown)]
        reasons = shown.diagnosis.reasons if with_reasons else {}
        lines += [f"  {finding.value}: {reason}" for finding, reason in reasons.items()]
        for line in lines:
            yield from wrapped(escape(line), later="     ", width=width)
    if len(advised) > MOST_ADVICE:
        more = f"Advice for {len(advised) - MOST_ADVICE} more: choose them with -p, -n, -P or --netns."
        yield from wrapped(more, width=width)


def findings_text(shown: DiagnosedListener) -> str:
    """What is wrong with it in a few words: what keeps its process from accepting stands first."""
    cause = f"{shown.consumer.activity.value}, " if shown.consumer and shown.is_cause else ""
    return cause + shown.diagnosis.words


def hue_of(shown: DiagnosedListener) -> str:
    """The colour of what is wrong with it, by the worst of it; "" for none."""
    return _HUES.get(next(iter(shown.diagnosis.reasons), Finding.OWN), "")


def advice_of(shown: DiagnosedListener) -> Iterator[str]:
    """The cause, what to do about it, and only then the queue's length."""
    cause = sentence(shown.row, shown.consumer)
    yield f"  {cause[0].upper()}{cause[1:]}."
    steps = first_aid(shown.consumer) if shown.consumer else ()
    yield from (f"  {number}. {step}" for number, step in enumerate(steps, 1))
    if shown.advice:
        if shown.is_cause:
            yield "  A longer queue only buys time:"
        yield from (f"  {number}. {step}" for number, step in enumerate(shown.advice.steps, len(steps) + 1))
        if shown.advice.prediction:
            yield f"  The model predicts: {shown.advice.prediction}."
