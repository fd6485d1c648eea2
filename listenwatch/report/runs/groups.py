"""``verify`` in brief: a line for each group of scenarios, and rows for those that did not simply agree."""

from collections import Counter
from collections.abc import Iterable, Iterator

from listenwatch.conformance.harness.catalogue import all_scenarios
from listenwatch.conformance.run import Result, ScenarioRun
from listenwatch.linux.terminal import GREEN, RED, YELLOW, paint
from listenwatch.report.runs import words
from listenwatch.report.runs.checks import group_of

QUIET = ("AGREE", "SKIP")
"""What a scenario is summed up under; any other stands for itself too."""


def group_lines(results: Iterable[Result], *, colour: bool) -> Iterator[str]:
    """The groups in the order they ran: how many scenarios, and what came of them."""
    counts: dict[str, Counter[str]] = {}
    for result in results:
        counts.setdefault(group_of(result.scenario).replace("_", " "), Counter())[result.word] += 1
    width = max(map(len, counts), default=0)
    digits = max((len(str(count.total())) for count in counts.values()), default=0)
    for group, count in counts.items():
        noun = "scenario " if count.total() == 1 else "scenarios"
        seen = paint(words.counted(count), colour_of(count), on=colour)
        yield f"{group:<{width}}  {count.total():>{digits}} {noun}  {seen}"


def colour_of(count: Counter[str]) -> str:
    """Red for a group in which something went wrong, green if all agree or were skipped."""
    if count["DISAGREE"] or count["ERROR"]:
        return RED
    return YELLOW if set(count) - set(QUIET) else GREEN


def is_whole(run: ScenarioRun) -> bool:
    """Whether every scenario there is was run, so that a rule none of them exercised means something."""
    return {scenario.name for scenario in all_scenarios()} <= run.by_scenario.keys()


def needs_of_skipped(run: ScenarioRun) -> Iterator[str]:
    """What the skipped scenarios need, the most frequent first; why it is missing follows the need in each reason."""
    needs = Counter(reason.partition(":")[0] for reason in run.skipped.values())
    if needs:
        texts = ", ".join(f"{number} {need}" for need, number in needs.most_common())
        yield f"Skipped (-v says why): {texts}"
