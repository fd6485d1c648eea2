"""The head of the page: in a sentence what the figures mean, why scenarios were skipped, and which rules explained a call."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from listenwatch.conformance.matrix.results import KernelRun, Matrix
from listenwatch.model.kernels import name
from listenwatch.model.kernels_run import RECORDED
from listenwatch.model.rules import BacklogRule, Cited, Rule


def conclusion(matrix: Matrix) -> tuple[str, str]:
    """``good``, ``bad`` or ``open``, as the exit status has it, and the sentence that says so."""
    total = matrix.totals()
    missing = [kernel.name for kernel in matrix.kernels if kernel.problem]
    errors = sum(len(run.errors) for _, run in matrix.runs())
    wanting = (
        ("without a record", str(total.lost) if total.lost else ""),
        ("scenarios that failed by themselves", str(errors) if errors else ""),
        ("could not be run", ", ".join(missing)),
    )
    without = [f"{what}: {how}" for what, how in wanting if how]
    if matrix.status() == 1:
        wrong = sum(len(kernel.disagreements) for kernel in matrix.kernels)
        what = f"{wrong} calls disagree" if wrong > 1 else f"{wrong} call disagrees"
        return "bad", f"{'; '.join((f'{what} with the model', *without))}."
    if matrix.status():
        what = "Nothing disagrees" if total.agree else "Nothing was compared"
        return "open", f"{'; '.join((what, *without))}."
    unknown = total.inconclusive + total.unmodelled
    rest = f"; of {unknown} it cannot be told" if unknown else ""
    return "good", f"Every call that was compared agrees with the model, and none was lost{rest}."


def skips(kernel: KernelRun) -> Counter[tuple[str, str]]:
    """Why scenarios were skipped: mode and reason, and how many."""
    runs = kernel.scenario_runs
    return Counter((run.name, reason) for run in runs for reason in run.skipped.values())


def model(behaviour: str) -> tuple[str, list[str]]:
    """The newest kernel's Behaviour, and the fields in which this one differs from it."""
    newest, _, fields = behaviour.partition(", but ")
    return newest, fields.split(", ") if fields else []


class Coverage(NamedTuple):
    """One table: the kernels that ran, and for each rule the calls it explained on each.

    ``old`` are kernels that were not run here, and ``recorded`` for each rule the calls it explains of those they once made.
    """

    title: str
    kernels: Sequence[str]
    counts: dict[Cited, list[int]]
    old: Sequence[str]
    recorded: dict[Cited, list[int]]

    @property
    def never(self) -> list[str]:
        """The rules no kernel came to."""
        return [rule.value for rule, numbers in self.counts.items() if not any(numbers)]


def coverage(kernels: Sequence[KernelRun]) -> list[Coverage]:
    """Both tables."""
    ran = [kernel for kernel in kernels if not kernel.problem]
    names = [kernel.name for kernel in ran]
    tables: tuple[tuple[str, Iterable[Cited]], ...] = (
        ("Rules: how a call ends", Rule),
        ("Backlog rules: what becomes of the number asked for", BacklogRule),
    )
    old = [name(version) for version in RECORDED]
    return [
        Coverage(
            title, names, {rule: [exercised(kernel, rule) for kernel in ran] for rule in rules},
            old, {rule: [counts.get(rule.value, 0) for counts in RECORDED.values()] for rule in rules},
        )
        for title, rules in tables
    ]  # fmt: skip


def exercised(kernel: KernelRun, rule: Cited) -> int:
    """Calls a rule explained: the modes of a kernel see the same calls, so of the one that saw most."""
    tallies = (run.tally for run in kernel.runs)
    counters = (t.rules if isinstance(rule, Rule) else t.backlog_rules for t in tallies)
    return max((counter[rule.value] for counter in counters), default=0)
