"""What ``verify --generate`` prints: the smallest programs that disagree, the rules, and the totals."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from listenwatch.histories.campaign import Campaign, Failure
from listenwatch.histories.check import History
from listenwatch.report.table import WIDTH
from listenwatch.terminal import BOLD, RED, paint
from listenwatch.verdict import Kind

_MOST = 10  # histories that went wrong are told of one by one


def campaign_report(run: Campaign, *, colour: bool = False) -> str:
    """The whole report of a run."""
    parts = ["\n".join(_failure(failure, run.seed, colour)) for failure in run.failures]
    parts += ["\n".join(_error(history)) for history in run.errors]
    return "\n\n".join([*parts[:_MOST], "\n".join(_rules(run)), "\n".join(_totals(run, colour))])


def _failure(failure: Failure, seed: int, colour: bool) -> Iterator[str]:
    history, smallest = failure
    name = f"history {history.number} of seed {seed}"
    yield paint(f"{name}: DISAGREE", RED, on=colour)
    if smallest is None:
        yield from _wrapped(
            "It did not happen again when the history was run by itself. The whole:"
        )
    else:
        before, after = len(history.program), len(smallest.program)
        yield f"The smallest program that still disagrees, {after} of {before} operations:"
    shown = smallest or history
    yield from (f"    {op}" for op in shown.program)
    for number, judged in enumerate(shown.calls, 1):
        if judged.verdict.kind is Kind.DISAGREE:
            yield from _wrapped(f"listen() {number}: {judged.verdict.reason}")


def _error(history: History) -> Iterator[str]:
    yield f"history {history.number}: ERROR:"
    yield from (f"    {line}" for line in history.error.rstrip().split("\n"))


def _rules(run: Campaign) -> Iterator[str]:
    for title, count in zip(("Rules", "Backlog rules"), run.rules(), strict=True):
        seen = ", ".join(f"{rule} {number}" for rule, number in count.items() if number)
        unseen = ", ".join(rule for rule, number in count.items() if not number)
        yield from _wrapped(f"{title} exercised: {seen or 'none'}")
        yield from _wrapped(f"{title} not exercised: {unseen or 'none'}")


def _totals(run: Campaign, colour: bool) -> Iterator[str]:
    yield from _wrapped(f"Kernel: {run.setting['kernel']}")
    yield from _wrapped(f"Model: {run.setting['behaviour']}")
    yield from _wrapped(f"Engine: {run.setting['engine']}, {run.setting['attach']}")
    for reason, number in run.reasons().most_common():
        yield from _wrapped(f"Not conclusive {number}: {reason}")
    failed = f", {len(run.errors)} failed by themselves" if run.errors else ""
    rate = run.histories / run.seconds if run.seconds else 0
    yield (
        f"Histories: {run.histories} of seed {run.seed} ({len(run.disagreeing)} disagree{failed}) "
        f"in {run.seconds:.1f} s, {rate:.0f} a second"
    )
    yield paint(f"listen() calls: {run.summary}", BOLD, on=colour)


def _wrapped(text: str) -> list[str]:
    return wrap(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False)
