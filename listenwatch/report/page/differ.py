"""In what the same scenario differs from kernel to kernel."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from listenwatch.call.record import Flag, ListenCall
from listenwatch.call.text import state_name
from listenwatch.conformance.harness.judging import Judged
from listenwatch.conformance.matrix.results import KernelRun
from listenwatch.linux.names import errno_text
from listenwatch.model.stages import StageIndex
from listenwatch.report.live import stage_argument

Calls = Sequence[Judged]


class Differing(NamedTuple):
    """One thing in which kernels differ: what it is, of which calls, and each value with its kernels."""

    what: str
    calls: tuple[int, ...]
    values: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def apart(self) -> set[str]:
        """The kernels that do not have the commonest value (of equally common ones the last kernels')."""
        most = max(reversed(self.values), key=lambda value: len(value[1]))
        return {kernel for value in self.values if value is not most for kernel in value[1]}

    def __str__(self) -> str:
        return f"{self.what}: " + "; ".join(f"{v} on {', '.join(k)}" for v, k in self.values)


def differences(scenario: str, kernels: Sequence[KernelRun]) -> list[Differing]:
    """Every difference in how the kernels went through one scenario, in the order of its calls."""
    calls_of: dict[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], list[int]] = {}
    for number, what, values in _facts(scenario, kernels):
        if len(set(values.values())) > 1:
            by_value: dict[str, list[str]] = {}
            for kernel, value in values.items():
                by_value.setdefault(value, []).append(kernel)
            key = what, tuple((value, tuple(names)) for value, names in by_value.items())
            if number not in (calls := calls_of.setdefault(key, [])):
                calls.append(number)
    return [Differing(what, tuple(calls), values) for (what, values), calls in calls_of.items()]


Fact = tuple[int, str, dict[str, str]]
"""Number of the call (0: the scenario), name of the fact, and its value on each kernel that has it."""


def _facts(scenario: str, kernels: Sequence[KernelRun]) -> Iterator[Fact]:
    """What is the same whatever the attach mode saw, of each kernel's first; then, mode by mode, the stages."""
    by_mode: dict[str, dict[str, Calls]] = {}
    first: dict[str, Calls] = {}
    for kernel in kernels:
        for run in kernel.scenario_runs:
            if scenario in run.by_scenario and (calls := run.by_scenario[scenario].calls):
                by_mode.setdefault(run.name, {})[kernel.name] = calls
                first.setdefault(kernel.name, calls)
    yield 0, "calls", {name: str(len(calls)) for name, calls in first.items()}
    for number, judged in _numbered(first):
        recorded = {name: (j.call, j.verdict) for name, j in judged.items() if j.call}
        yield number, "rule", {name: verdict.rule for name, (_, verdict) in recorded.items()}
        yield number, "backlog rule", {name: v.backlog_rule for name, (_, v) in recorded.items()}
        stored = {name: call.stored for name, (call, _) in recorded.items()}
        results = {k: c.result if c.flags & Flag.RETURNED else 0 for k, (c, _) in recorded.items()}
        yield number, "errno", {k: errno_text(r) if r else "none" for k, r in results.items()}
        yield number, "stored", {k: "none" if s is None else str(s) for k, s in stored.items()}
    for same in by_mode.values():
        for number, judged in _numbered(same):
            recorded_calls = {name: j.call for name, j in judged.items() if j.call}
            yield from ((number, *fact) for fact in _stage_facts(recorded_calls))


def _numbered(lists: dict[str, Calls]) -> Iterator[tuple[int, dict[str, Judged]]]:
    """The first calls of all kernels, the second ones, as far as all have one.

    Threads come in any order: calls that asked for different backlogs are not the same one.
    """
    for number, calls in enumerate(zip(*lists.values(), strict=False), 1):
        if len({judged.call and judged.call.asked for judged in calls}) == 1:
            yield number, dict(zip(lists, calls, strict=True))


def _stage_facts(calls: dict[str, ListenCall]) -> Iterator[tuple[str, dict[str, str]]]:
    """What each stage held, on the kernels that could see it; queues in motion are left out."""
    for index in StageIndex:
        seen = {k: c.stages.get(index) for k, c in calls.items() if c.hooks >> index & 1}
        yield index.label, {k: "reached" if stage else "not reached" for k, stage in seen.items()}
        reached = {kernel: stage for kernel, stage in seen.items() if stage}
        yield index.label, {k: stage_argument(index, stage.value) for k, stage in reached.items()}
        yield f"limit at {index.label}", {k: str(s.max_ack_backlog) for k, s in reached.items()}
        yield f"state at {index.label}", {k: state_name(s.state) for k, s in reached.items()}
