"""How a forecast is shown to people: stage by stage, and what it means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from tabulate import tabulate

from listenwatch.behaviours import value_text
from listenwatch.forecast import Forecast, Meeting
from listenwatch.model.behaviour import LINUX_7_3, Behaviour
from listenwatch.model.eras import ERAS, name
from listenwatch.model.rules import Cited
from listenwatch.model.run import Outcome
from listenwatch.model.stages import Step
from listenwatch.model.variants import SynQueue
from listenwatch.reasons import errno_text
from listenwatch.verdict import state_name

WIDTH = 100


def as_text(found: Forecast) -> str:
    """Everything about one kernel."""
    parts = [wrapped(_headline(found)), _steps(found.outcome.steps), _meaning(found)]
    if found.meetings:
        rows = [(m.situation, *_fate(m)) for m in found.meetings]
        parts.append(table(rows, ("Next", "meets", "counts"), [36, 40, 22]))
    parts += [_other(found, other) for other in found.others]
    parts.append(_rules(found))
    parts += [wrapped(f"Note: {note}") for note in found.notes]
    return "\n\n".join(part for part in parts if part)


def _headline(found: Forecast) -> str:
    question, env = found.question, found.environment
    again = "" if question.relisten is None else f" after listen({question.relisten})"
    return (
        f"Linux {name(found.version)} (behaves as from {era_of(found)} on): "
        f"listen({question.backlog}){again} on {question.family}"
        f"{'' if question.bound else ', not bound'}; "
        f"somaxconn {env.somaxconn}, tcp_max_syn_backlog {env.max_syn_backlog}, "
        f"tcp_syncookies {env.syncookies}, tcp_fastopen {env.fastopen:#x}, "
        f"tcp_abort_on_overflow {env.abort_on_overflow}"
    )


def era_of(found: Forecast) -> str:
    """The release the kernel's era began with."""
    return name(max(first for first, _ in ERAS if first <= found.version))


def _steps(steps: Sequence[Step]) -> str:
    rows = [
        (s.function, s.does, state_name(s.state), str(s.max_ack_backlog), str(s.ack_backlog))
        for s in steps
    ]
    return table(rows, ("stage", "does", "state", "max_ack", "ack"), [22, 46, 7, 10, 5])


def _meaning(found: Forecast) -> str:
    rows = [("result", errno_text(found.outcome.result)), *meaning(found)]
    return tabulate(rows, tablefmt="plain", disable_numparse=True, maxcolwidths=[24, 70])


def meaning(found: Forecast) -> Iterator[tuple[str, str]]:
    """What is stored and how many may wait, in words."""
    yield "stored max_ack_backlog", str(found.sock.max_ack_backlog)
    listener = found.listener
    if not listener:
        yield "listens", "no"
        return
    capacity = found.capacity
    yield (
        "accept queue holds",
        f"{capacity}: one more than the limit"
        if capacity is not None
        else "any number: the counter wraps before it exceeds the limit",
    )
    if found.question.family == "unix":
        return
    if listener.table:
        yield "SYN queue table", f"{listener.table.nr_table_entries} slots"
    limit = found.syn_limit
    low = listener.max_ack_backlog
    yield "SYN queue holds", f"{low} or {low + 1}: not known" if limit is None else str(limit)
    if found.behaviour.syn_queue is not SynQueue.NO_TABLE and found.question.relisten is not None:
        yield "", "as the first listen() made it: a later one does not resize"
    if found.sock.fastopen_max_qlen:
        yield "fast open queue holds", str(found.sock.fastopen_max_qlen)


def _fate(meeting: Meeting) -> tuple[str, str]:
    fate = meeting.fate
    return f"{fate.answer.value} ({fate.rule.value})", ", ".join(fate.counters) or "nothing"


def _other(found: Forecast, other: Outcome) -> str:
    """Another outcome, from where it parts from the likeliest."""
    common = 0
    while (
        common < min(len(found.outcome.steps), len(other.steps))
        and found.outcome.steps[common] == other.steps[common]
    ):
        common += 1
    title = f"Or {errno_text(other.result)} ({other.rule.value}): {other.rule.text}"
    return "\n".join(part for part in (wrapped(title), _steps(other.steps[common:])) if part)


def rules_of(found: Forecast) -> list[Cited]:
    """Every rule the forecast used, each once, in the order it applies."""
    used: list[Cited] = [found.outcome.backlog_rule, found.outcome.rule]
    used += [other.rule for other in found.others]
    used += [meeting.fate.rule for meeting in found.meetings]
    return list(dict.fromkeys(used))


def _rules(found: Forecast) -> str:
    lines = [wrapped(f"{r.value}: {r.text}. {r.source}", "  ") for r in rules_of(found)]
    unlike = unlike_newest(found.behaviour)
    if unlike:
        lines.append(wrapped(f"Unlike the newest kernel: {', '.join(unlike)}", "  "))
    return "\n".join(["Rules", *lines, "'listenwatch rules --eras' cites what changed, and when"])


def unlike_newest(behaviour: Behaviour) -> list[str]:
    """The fields that are not the newest kernel's."""
    newest = LINUX_7_3._asdict()
    return [
        f"{field} {value_text(value)}"
        for field, value in behaviour._asdict().items()
        if value != newest[field]
    ]


def table(rows: Sequence[tuple[str, ...]], heads: tuple[str, ...], widths: list[int]) -> str:
    """A table whose columns wrap at their widths; nothing if it has no rows."""
    return tabulate(rows, heads, disable_numparse=True, maxcolwidths=widths) if rows else ""


def wrapped(text: str, indent: str = "") -> str:
    """Text in lines of at most WIDTH, the later ones indented."""
    later = f"{indent}    "
    return "\n".join(
        wrap(text, WIDTH, initial_indent=indent, subsequent_indent=later, break_on_hyphens=False)
    )
