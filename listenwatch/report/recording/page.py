"""The sink behind ``--html``: keeps what the page shows of a session, and writes it at the end."""

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from listenwatch.call.header import Header
from listenwatch.call.record import Flag, ListenCall
from listenwatch.call.text import entry_path_name, local_address, protocol_of, state_of
from listenwatch.errors import UsageError
from listenwatch.linux.names import errno_text
from listenwatch.linux.output_file import private
from listenwatch.linux.streams import Stream
from listenwatch.model.rules import BacklogRule, Rule
from listenwatch.report.notices import missing_texts
from listenwatch.report.page.calls import NOT_REACHED, stage_rows
from listenwatch.report.page.template import render
from listenwatch.report.recording.timeline import CallKind, Timeline, kind_of, time_text
from listenwatch.report.text import difference_parts, reason
from listenwatch.session.source import Missing
from listenwatch.verdict.compare import Verdict
from listenwatch.verdict.summary import Summary

KEPT = 1000
"""Calls kept of those that went as asked, and as many of all others: the last ones."""
_TEXTS = {rule.value: rule.text for rule in (*Rule, *BacklogRule)}


class Kept(NamedTuple):
    """A call of the page; ``number`` counts all calls of the session from 1: of several, it is that of the last."""

    number: int
    call: ListenCall
    verdict: Verdict
    kind: CallKind


class HtmlPage:
    """``--html FILE``, which only its owner reads; UsageError where it cannot be opened. Written at the end."""

    def __init__(self, path: str, source: str) -> None:
        try:
            self._stream = Stream(path, "w", opener=private)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from None
        self._source = source
        self._timeline = Timeline()
        self._kept: tuple[deque[Kept], deque[Kept]] = deque(maxlen=KEPT), deque(maxlen=KEPT)

    def begin(self, header: Header, unknown: Sequence[str]) -> None:
        self._header, self._unknown = header, unknown

    def call(self, call: ListenCall, verdict: Verdict) -> None:
        kind = kind_of(call, verdict)
        self._timeline.add(call.time_ns, kind, call.repeats)
        self._kept[kind is CallKind.AS_ASKED].append(Kept(self._timeline.kinds.total(), call, verdict, kind))

    def end(self, summary: Summary, missing: Missing) -> None:
        text = memoryview(self._text(summary, missing).encode(errors="backslashreplace"))
        with self._stream as stream:
            while text:
                text = text[stream.write(text) :]

    def _text(self, summary: Summary, missing: Missing) -> str:
        header = self._header
        kept = sorted((kept for calls in self._kept for kept in calls), key=lambda kept: kept.number)
        total = self._timeline.kinds.total()
        return render(
            "recording.html", ["page.css", "recording.css"], ["recording.js"],
            source=self._source, header=header, unknown=self._unknown, summary=summary, in_flight=missing.in_flight,
            missing=missing_texts(0, missing.left_out, header.not_seen),
            conclusion=conclusion(summary, missing.damage), timeline=self._timeline, kinds=list(CallKind),
            total=total, left_out=total - sum(each.call.repeats for each in kept), kept=KEPT, calls=[shown(each, self._timeline) for each in kept],
            texts=_TEXTS,
        )  # fmt: skip


def conclusion(summary: Summary, damage: str) -> tuple[str, str]:
    """``good``, ``bad`` or ``open``, as the exit status has it, and the sentence that says so."""
    wanting = [f"{summary.lost} calls have no record"] if summary.lost else []
    wanting += [damage] if damage else []
    status = summary.exit_status()
    if status == 1:
        what = "1 call disagrees" if summary.disagree == 1 else f"{summary.disagree} calls disagree"
        return "bad", f"{'; '.join((f'{what} with the model', *wanting))}."
    if status or wanting:
        what = "Nothing disagrees" if summary.agree else "Nothing was compared"
        return "open", f"{'; '.join((what, *wanting))}."
    untold = summary.inconclusive + summary.unmodelled
    rest = f"; of {untold} it cannot be told" if untold else ""
    return "good", f"Every call that was compared agrees with the model, and none was lost{rest}."


def shown(kept: Kept, timeline: Timeline) -> dict[str, Any]:
    """What the page shows of a call."""
    call, verdict = kept.call, kept.verdict
    sock = call.post if call.post.seen else call.pre
    rows = list(stage_rows(call, verdict.outcome, verdict.differences))
    absent = [row for row in rows if isinstance(row[1], str) and isinstance(row[2], str) and not row[3]]
    unseen = [row[0] for row in absent if row[2] != NOT_REACHED]
    return {
        "number": kept.number, "kind": kept.kind, "bar": timeline.bar_of(call.time_ns),
        "time": time_text(call.time_ns), "process": call.comm.decode("utf-8", "backslashreplace"), "pid": call.pid,
        "protocol": protocol_of(sock) or "-", "local": local_address(call) or "-",
        "asked": "?" if call.asked is None else call.asked, "stored": "-" if call.stored is None else call.stored,
        "result": errno_text(call.result) if call.flags & Flag.RETURNED else "no return",
        "verdict": verdict.kind.value, "rule": verdict.rule, "backlog_rule": verdict.backlog_rule,
        "reason": reason(call, verdict), "differences": [difference_parts(d) for d in verdict.differences],
        "rows": [row for row in rows if row not in absent],
        "unreached": [row[0] for row in absent if row[2] == NOT_REACHED], "unseen": unseen,
        "facts": _facts(call, verdict),
    }  # fmt: skip


def _facts(call: ListenCall, verdict: Verdict) -> list[tuple[str, object]]:
    sock = call.post if call.post.seen else call.pre
    facts: list[tuple[str, object]] = [
        ("entry path", entry_path_name(call.entry_path)), ("descriptor", call.fd), ("thread", call.tid),
        ("user", call.uid), ("network namespace", call.netns_inode), ("took", f"{call.duration_ns / 1000:.1f} µs"),
    ]  # fmt: skip
    if call.repeats > 1:
        facts.append(("times", f"{call.repeats:,}, all but the time is the same"))
    if sock.seen:
        facts += [("somaxconn", "?" if call.somaxconn is None else call.somaxconn), ("state", state_of(sock))]
    return facts
