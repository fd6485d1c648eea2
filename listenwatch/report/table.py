"""The table ``verify`` prints: a line for each scenario, what disagreed, the rules, and the totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from textwrap import wrap

from tabulate import tabulate

from listenwatch.reasons import errno_text
from listenwatch.report.verification import Verification
from listenwatch.scenarios.judging import Judged
from listenwatch.scenarios.runner import Result
from listenwatch.terminal import BOLD, GREEN, RED, YELLOW, paint
from listenwatch.verdict import Kind

WIDTH = 100
HEADERS = ("scenario", "calls", "asked", "somaxconn", "predicted", "observed", "verdict")
_COLOURS = {"AGREE": GREEN, "DISAGREE": RED, "ERROR": RED}
_ALIGN = ("left", "right", "left", "right", "left", "left", "left")
_ASKED, _SOMAXCONN, _LIMIT = 11, 10, 12  # how wide several numbers may be: 26 are for the name


def verify_report(run: Verification, *, colour: bool = False, verbose: bool = False) -> str:
    """The whole report of a run. ``verbose`` adds each call's reason, not only what went wrong."""
    details = [line for result in run.results for line in call_details(result, verbose)]
    parts = [_table(run.results, colour), "\n".join(details), _rules(run), totals(run, colour=colour)]
    return "\n\n".join(part for part in parts if part)


def _table(results: Iterable[Result], colour: bool) -> str:
    rows = [(*_cells(r), paint(r.word, _COLOURS.get(r.word, YELLOW), on=colour)) for r in results]
    return tabulate(
        rows,
        HEADERS,
        tablefmt="simple",
        disable_numparse=True,
        colalign=_ALIGN,
        preserve_whitespace=False,
    )


def _cells(result: Result) -> tuple[str, ...]:
    calls = result.calls
    seen = (j.call for j in calls if j.call and j.call.pre.seen)
    return (
        result.scenario.name,
        str(len(calls) or ""),
        _several((_asked(judged) for judged in calls), _ASKED),
        _several(dict.fromkeys(str(call.environment.somaxconn) for call in seen), _SOMAXCONN),
        _several((predicted(judged) for judged in calls), _LIMIT),
        _several((observed(judged) for judged in calls), _LIMIT),
    )


def _asked(judged: Judged) -> str:
    if judged.call:
        return str(judged.call.backlog)
    return str(judged.issued.backlog) if judged.issued else "?"


def _several(values: Iterable[str], width: int) -> str:
    """The values one after another as far as there is room, then an ellipsis; once if all are the same."""
    each = list(values)
    if len(set(each)) < 2:
        return each[0] if each else ""
    text = " ".join(each)
    if len(text) <= width:
        return text
    fitting = text[: width - 1].rpartition(" ")[0]
    return f"{fitting} …" if fitting else f"{each[0]}…"


def predicted(judged: Judged) -> str:
    """What the model says was to come: the limit stored, or the errno."""
    outcome = judged.verdict.outcome
    if outcome is None:
        return "?"
    if outcome.result:
        return errno_text(outcome.result)
    sock = outcome.subflow or outcome.socket
    return str(sock.max_ack_backlog) if sock else "0"


def observed(judged: Judged) -> str:
    """What came: the limit stored, or the errno."""
    call = judged.call
    if call is None:
        return "no record"
    return errno_text(call.result) if call.result else str(call.stored)


def call_details(result: Result, verbose: bool) -> Iterator[str]:
    """Why a scenario did not simply agree."""
    name = result.scenario.name
    for number, judged in enumerate(result.calls, 1):
        kind = judged.verdict.kind
        if verbose or kind is not Kind.AGREE:
            yield from _wrapped(f"{name}, call {number}: {kind.value}: {judged.verdict.reason}")
    if result.error:
        yield f"{name}: ERROR:"
        yield from (f"    {line}" for line in result.error.rstrip().split("\n"))
    if verbose and result.skip:
        yield from _wrapped(f"{name}: SKIP: {result.skip}")


def _wrapped(text: str) -> list[str]:
    return wrap(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False)


def _rules(run: Verification) -> str:
    lines: list[str] = []
    for title, count in zip(("Rules", "Backlog rules"), run.rules(), strict=True):
        seen = ", ".join(f"{rule} {number}" for rule, number in count.items() if number)
        unseen = ", ".join(rule for rule, number in count.items() if not number)
        lines += _wrapped(f"{title} exercised: {seen or 'none'}")
        lines += _wrapped(f"{title} not exercised: {unseen or 'none'}")
    return "\n".join(lines)


def totals(run: Verification, *, colour: bool) -> str:
    """What it ran on, why scenarios were skipped, and the numbers."""
    lines = _wrapped(f"Kernel: {run.setting['kernel']}")
    lines += _wrapped(f"Model: {run.setting['behaviour']}")
    lines += _wrapped(f"Engine: {run.setting['engine']}, {run.setting['attach']}")
    for reason, number in run.skips().items():
        lines += _wrapped(f"Skipped {number}: {reason}")
    if repeated := sum(result.repeated for result in run.results):
        lines += _wrapped(f"Repeated {repeated} times: the kernel skipped a probe where threads compete")
    words = ("AGREE", "DISAGREE", "INCONCLUSIVE", "UNMODELLED", "ERROR", "SKIP")
    lines += _wrapped(f"Scenarios: {len(run.results)} ({_list(run.words, words)})")
    lines.append(paint(f"listen() calls: {run.summary}", BOLD, on=colour))
    return "\n".join(lines)


def _list(count: Counter[str], words: Iterable[str]) -> str:
    names = {"SKIP": "skipped", "ERROR": "failed by themselves"}
    shown = ((word, count[word]) for word in words)
    return ", ".join(
        f"{n} {names.get(word, word.lower())}"
        for word, n in shown
        if n or word in ("AGREE", "DISAGREE")
    )
