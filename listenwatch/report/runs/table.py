"""The table ``verify`` prints: a line for each group or scenario, what disagreed, the rules, and the totals."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from listenwatch.conformance.harness.judging import Judged
from listenwatch.conformance.histories.campaign import Campaign
from listenwatch.conformance.run import Equality, Result, Run, ScenarioRun
from listenwatch.linux.names import errno_text
from listenwatch.linux.terminal import GREEN, RED, YELLOW, paint
from listenwatch.report.columns import Column, Layout, fitted
from listenwatch.report.judged import judged_reason
from listenwatch.report.runs import words
from listenwatch.report.runs.groups import QUIET, group_lines, is_whole, needs_of_skipped
from listenwatch.report.runs.histories import campaign_report
from listenwatch.report.runs.sink import RunSink
from listenwatch.verdict.compare import VerdictKind

_COLUMNS = (
    Column("scenario", 26), Column("calls", -5, 3), Column("asked", 11, 1), Column("somaxconn", -10, 2),
    Column("predicted", 12), Column("observed", 12), Column("verdict", 12),
)  # fmt: skip
_COLOURS = {"AGREE": GREEN, "DISAGREE": RED, "ERROR": RED}
_ASKED, _SOMAXCONN, _LIMIT = 11, 10, 12  # how wide several numbers may be: 26 are for the name


class Table(RunSink):
    """What ``verify`` prints for people, at the end: columns are as wide as their widest cell."""

    def end(self, runs: Sequence[Run]) -> None:
        print(report(runs, colour=self.colour, verbose=self.verbose, width=self.width))


def report(
    runs: Sequence[Run], *, colour: bool = False, verbose: bool = False, width: int | None = None
) -> str:
    """Random histories, or the first engine's scenarios and of the others what they saw otherwise and their totals.

    ``verbose`` has a row for each scenario and the first one's reason for each call; otherwise there is a line
    for each group, and both only for what did not simply agree.
    """
    parts = []
    for run in runs:
        match run:
            case Campaign():
                parts.append(campaign_report(run, colour=colour))
            case ScenarioRun() if run.equality:
                parts += [_details(run), f"{_totals(run, colour)}\n{_equality(run.equality)}"]
            case ScenarioRun():
                parts += list(_whole(run, colour, width) if verbose else _in_brief(run, colour, width))
                parts.append(_totals(run, colour, verbose=verbose))
    return fitted("\n\n".join(part for part in parts if part), width)


def _whole(run: ScenarioRun, colour: bool, width: int | None) -> Iterator[str]:
    yield _table(run.results, colour, width)
    yield _details(run, verbose=True)
    yield "\n".join(words.rules(run, unseen=is_whole(run)))


def _in_brief(run: ScenarioRun, colour: bool, width: int | None) -> Iterator[str]:
    yield "\n".join(group_lines(run.results, colour=colour))
    if remarkable := [result for result in run.results if result.word not in QUIET]:
        yield _table(remarkable, colour, width)
    yield _details(run)
    yield "\n".join(words.rules_in_brief(run)) if is_whole(run) else ""


def _equality(equality: Equality) -> str:
    different = equality.different
    what = f"{different} records differ" if different else "in every field both see"
    return f"Equal to what {equality.against} saw of the same calls: {equality.equal} records, {what}"


def _table(results: Iterable[Result], colour: bool, width: int | None) -> str:
    rows = [
        {**_cells(result), "verdict": paint(result.word, _COLOURS.get(result.word, YELLOW), on=colour)}
        for result in results
    ]
    layout = Layout.of_rows(_COLUMNS, rows, width)
    return "\n".join([layout.heads, *(line for row in rows for line in layout.place(row))])


def _cells(result: Result) -> dict[str, str]:
    calls = result.calls
    seen = (j.call for j in calls if j.call and j.call.pre.seen)
    made = (judged.call or judged.issued for judged in calls)
    return {
        "scenario": result.scenario, "calls": str(len(calls) or ""),
        "asked": _several((str(c.backlog) if c else "?" for c in made), _ASKED),
        "somaxconn": _several(dict.fromkeys(str(call.environment.somaxconn) for call in seen), _SOMAXCONN),
        "predicted": _several((predicted(judged) for judged in calls), _LIMIT),
        "observed": _several((observed(judged) for judged in calls), _LIMIT),
    }  # fmt: skip


def _several(values: Iterable[str], width: int) -> str:
    """The values one after another as far as there is room, then an ellipsis; once if all are the same."""
    cells = list(values)
    if len(set(cells)) < 2:
        return cells[0] if cells else ""
    text = " ".join(cells)
    if len(text) <= width:
        return text
    fitting = text[: width - 1].rpartition(" ")[0]
    return f"{fitting} …" if fitting else f"{cells[0]}…"


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
    return errno_text(call.result) if call.result else str(call.stored or 0)


def _details(run: ScenarioRun, *, verbose: bool = False) -> str:
    return "\n".join(line for result in run.results for line in _reasons(result, verbose))


def _reasons(result: Result, verbose: bool) -> Iterator[str]:
    """Why a scenario did not simply agree."""
    name = result.scenario
    for number, judged in enumerate(result.calls, 1):
        kind = judged.verdict.kind
        if verbose or kind is not VerdictKind.AGREE:
            yield f"{name}, call {number}: {kind.value}: {judged_reason(judged)}"
    if result.error:
        yield f"{name}: ERROR:"
        yield from (f"    {line}" for line in result.error.rstrip().split("\n"))
    if verbose and result.skip:
        yield f"{name}: SKIP: {result.skip}"


def _skipped(run: ScenarioRun) -> Iterator[str]:
    for reason, number in Counter(run.skipped.values()).items():
        yield f"Skipped {number}: {reason}"


def _totals(run: ScenarioRun, colour: bool, *, verbose: bool = False) -> str:
    """What it ran on, what skipped scenarios need (``verbose``: and why that is missing), and the numbers."""
    lines = [*words.setting(run), *(_skipped(run) if verbose else needs_of_skipped(run))]
    if repeated := sum(run.repeated.values()):
        lines.append(f"Repeated {repeated} times: the kernel skipped a probe where threads compete")
    lines += words.interrupted(run, "scenarios")
    lines.append(f"Scenarios: {len(run.results)} ({words.counted(run.words, 'AGREE', 'DISAGREE')})")
    return "\n".join([*lines, words.calls(run, colour=colour)])
