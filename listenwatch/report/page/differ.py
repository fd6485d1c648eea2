"""In what the same scenario differs from kernel to kernel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from listenwatch.matrix.results import KernelRun, Line, Mode
from listenwatch.model.stages import STAGE_LABELS, StageIndex
from listenwatch.report.live import stage_argument

# Of a call, what is the same whatever the attach mode saw.
_FACTS = {
    "rule": "rule",
    "backlog_rule": "backlog rule",
    "errno": "errno",
    "stored": "stored",
}


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
    found: dict[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], list[int]] = {}
    for number, what, values in _facts(scenario, kernels):
        if len(set(values.values())) > 1:
            by_value: dict[str, list[str]] = {}
            for kernel, value in values.items():
                by_value.setdefault(value, []).append(kernel)
            key = what, tuple((value, tuple(names)) for value, names in by_value.items())
            if number not in (calls := found.setdefault(key, [])):
                calls.append(number)
    return [Differing(what, tuple(calls), values) for (what, values), calls in found.items()]


def _facts(
    scenario: str, kernels: Sequence[KernelRun]
) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Number of the call (0: the scenario), name of the fact, and its value on each kernel that has it."""
    ran = {kernel.name: modes for kernel in kernels if (modes := _with_calls(kernel, scenario))}
    first = {name: modes[0].calls[scenario] for name, modes in ran.items()}
    yield 0, "calls", {name: str(len(calls)) for name, calls in first.items()}
    for number, calls in _numbered(first):
        for key, label in _FACTS.items():
            values = {name: line[key] for name, line in calls.items() if key in line}
            yield number, label, {n: "none" if v is None else str(v) for n, v in values.items()}
    for attach in dict.fromkeys(mode.name for modes in ran.values() for mode in modes):
        same = {n: m.calls[scenario] for n, modes in ran.items() for m in modes if m.name == attach}
        for number, calls in _numbered(same):
            yield from ((number, *fact) for fact in _stage_facts(calls))


def _with_calls(kernel: KernelRun, scenario: str) -> list[Mode]:
    return [mode for mode in kernel.modes if mode.calls.get(scenario)]


def _numbered(lists: dict[str, list[Line]]) -> Iterator[tuple[int, dict[str, Line]]]:
    """The first calls of all kernels, the second ones, as far as all have one.

    Threads come in any order: calls that asked for different backlogs are not the same one.
    """
    for number, lines in enumerate(zip(*lists.values(), strict=False), 1):
        if len({line.get("asked") for line in lines}) == 1:
            yield number, dict(zip(lists, lines, strict=True))


def _stage_facts(calls: dict[str, Line]) -> Iterator[tuple[str, dict[str, str]]]:
    """What each stage held, on the kernels that could see it; queues in motion are left out."""
    for index in StageIndex:
        name, label = index.name.lower(), STAGE_LABELS[index]
        seen = {k: c["stages"].get(name) for k, c in calls.items() if name in c.get("watched", ())}
        yield label, {k: "reached" if stage else "not reached" for k, stage in seen.items()}
        reached = {kernel: stage for kernel, stage in seen.items() if stage}
        yield label, {k: stage_argument(index, stage["value"]) for k, stage in reached.items()}
        yield f"limit at {label}", {k: str(s["max_ack_backlog"]) for k, s in reached.items()}
        yield f"state at {label}", {k: str(s["state"]) for k, s in reached.items()}
