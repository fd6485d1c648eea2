"""What ``verify --generate`` prints: the smallest histories that disagree, the rules, and the totals."""

from collections import Counter
from collections.abc import Iterator

from listenwatch.conformance.histories.campaign import Campaign, Failure, Unknown
from listenwatch.linux.terminal import RED, paint
from listenwatch.model.socket_h import not_modelled
from listenwatch.report.judged import judged_reason
from listenwatch.report.runs import words
from listenwatch.report.text import EXCUSES, unmodelled_text
from listenwatch.verdict.compare import VerdictKind
from listenwatch.verdict.excuses import Excuse

_MOST = 10  # histories that went wrong are shown one by one


def campaign_report(run: Campaign, *, colour: bool = False) -> str:
    """The whole report of a run."""
    parts = ["\n".join(_failure(failure, run, colour)) for failure in run.failures]
    parts += ["\n".join(_error(*error)) for error in run.errors.items()]
    return "\n\n".join([*parts[:_MOST], "\n".join(words.rules(run)), "\n".join(_totals(run, colour))])


def _failure(failure: Failure, run: Campaign, colour: bool) -> Iterator[str]:
    name = f"history {failure.history} of seed {run.seed}"
    yield paint(f"{name}: DISAGREE", RED, on=colour)
    if failure.smallest is None and run.not_run:
        yield "The whole history:"
    elif failure.smallest is None:
        yield "It did not happen again when the history was run by itself. The whole:"
    else:
        before, after = len(failure.operations), len(failure.smallest)
        yield f"The smallest program that still disagrees, {after} of {before} operations:"
    yield from (f"    {op}" for op in failure.shown)
    for number, judged in enumerate(failure.calls, 1):
        if judged.verdict.kind is VerdictKind.DISAGREE:
            yield f"listen() {number}: {judged_reason(judged)}"


def _error(history: str, error: str) -> Iterator[str]:
    yield f"history {history}: ERROR:"
    yield from (f"    {line}" for line in error.rstrip().split("\n"))


def _totals(run: Campaign, colour: bool) -> Iterator[str]:
    yield from words.setting(run)
    for reason, number in reasons(run).most_common():
        yield f"Not conclusive {number}: {reason}"
    failed = f", {len(run.errors)} failed by themselves" if run.errors else ""
    rate = run.histories / run.seconds if run.seconds else 0
    yield (
        f"Histories: {run.histories} of seed {run.seed} ({len(run.disagreeing)} disagree{failed}) "
        f"in {run.seconds:.1f} s, {rate:.0f} a second"
    )
    yield from words.interrupted(run, "histories")
    yield words.calls(run, colour=colour)


def reasons(run: Campaign) -> Counter[str]:
    """Why calls were inconclusive or unmodelled, and how many for each reason."""
    count: Counter[str] = Counter()
    for why, number in run.unknown.items():
        count[_words(why)] += number
    return count


def _words(why: Unknown) -> str:
    if isinstance(why, tuple):
        return unmodelled_text(not_modelled(*why))
    return EXCUSES[why].format(fd="N") if isinstance(why, Excuse) else why
