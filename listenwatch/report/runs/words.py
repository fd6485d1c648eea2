"""Lines that the reports of scenarios and of random histories share: the rules, and what a run ran on."""

from collections import Counter
from collections.abc import Iterator

from listenwatch.conformance.run import Run
from listenwatch.linux.terminal import BOLD, paint

VERDICTS = {"AGREE": "agree", "DISAGREE": "disagree", "INCONCLUSIVE": "inconclusive",
            "UNMODELLED": "unmodelled", "ERROR": "failed by themselves", "SKIP": "skipped"}  # fmt: skip
"""What stands in a scenario's verdict column, and the word for several of them."""


def counted(words: Counter[str], *always: str) -> str:
    """Scenarios by what stands in their verdict column: those there are, and ``always`` these."""
    return ", ".join(f"{words[word]} {text}" for word, text in VERDICTS.items() if words[word] or word in always)


def rules(run: Run, *, unseen: bool = True) -> Iterator[str]:
    """Which rules explained a call that agreed and how often, and, if ``unseen``, which never did."""
    for title, count in _rules(run):
        seen = ", ".join(f"{rule} {number}" for rule, number in count.items() if number)
        yield f"{title} exercised: {seen or 'none'}"
        if unseen:
            yield f"{title} not exercised: {_unseen(count) or 'none'}"


def rules_in_brief(run: Run) -> Iterator[str]:
    """How many of the rules explained a call that agreed, and which never did."""
    for title, count in _rules(run):
        unseen = _unseen(count)
        seen = sum(map(bool, count.values()))
        yield f"{title} exercised: {seen} of {len(count)}{f', not {unseen}' if unseen else ''}"


def _rules(run: Run) -> tuple[tuple[str, Counter[str]], ...]:
    return ("Rules", run.tally.rules), ("Backlog rules", run.tally.backlog_rules)


def _unseen(count: Counter[str]) -> str:
    return ", ".join(rule for rule, number in count.items() if not number)


def interrupted(run: Run, what: str) -> Iterator[str]:
    """That a run is not the whole, where it was interrupted: ``what`` were run."""
    if run.not_run:
        yield f"Interrupted: {run.not_run} {what} were not run"


def setting(run: Run) -> Iterator[str]:
    """Kernel, model and engine."""
    yield f"Kernel: {run.setting.kernel}"
    yield f"Model: {run.setting.behaviour}"
    yield f"Engine: {run.setting.engine}, {run.setting.mode}: {run.setting.why}"


def calls(run: Run, *, colour: bool) -> str:
    """The last line: the calls by verdict."""
    return paint(f"listen() calls: {run.summary}", BOLD, on=colour)
