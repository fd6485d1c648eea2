"""Which kernels were run, and how many of their answers are replayed: counted in the vectors and the recorded answers.

``python -m tests.helpers.kernels_run`` writes listenwatch/model/kernels_run.py, where everybody finds it.
"""

from __future__ import annotations

import textwrap
from collections import Counter

from listenwatch.features.behaviour import behaviour_of_recorded
from listenwatch.model.history import Version, version_of
from listenwatch.model.kernels_run import KernelRun, RuleSeen
from listenwatch.model.rules import BacklogRule, Rule
from listenwatch.verdict.compare import judge
from tests import ROOT
from tests.helpers.old_kernels import JUDGES, RECORDED, lines_of, release_of
from tests.helpers.old_vectors import ATTACH, place_of
from tests.helpers.vectors import VECTORS, load
from tests.sabotage.rare import RARE

SABOTAGED = "6.1"
"""The series of the guest in which ``make sabotage`` loads its modules."""
PLACE = ROOT / "listenwatch/model/kernels_run.py"
RECONSTRUCTED = {"4.14.303": "4.14.74", "5.4.229": "5.4.0"}
"""Kernels built from an older release with the one hunk of the stable tree that matters (tests/data/oldkernels)."""
TEXT = '''\
"""Kernels that were run, not only read. Written by ``python -m tests.helpers.kernels_run``; a test compares it with the data."""

from typing import NamedTuple

from listenwatch.model.history import Version


class KernelRun(NamedTuple):
    """A kernel whose recorded answers the model has to predict: how many ``cases``, in which attach mode, or by
    ``oldlisten``, a program that ran as its init. ``base`` is the release it was reconstructed from, if it was.
    """

    version: Version
    machine: str
    attach: str
    cases: int
    base: str = ""


class RuleSeen(NamedTuple):
    """Where a rule of how a call ends was last seen: the newest kernel, and the ``module`` that made it end so, if one did."""

    version: Version
    machine: str
    attach: str
    module: str = ""


RUN = (
{rows}
)
"""The oldest first."""

SEEN = {{
{seen}
}}
"""By the rule's id; one that is not in it no recorded kernel has shown."""

RECORDED: dict[Version, dict[str, int]] = {{
{recorded}
}}
"""Kernels that no matrix runs any more: how many of their recorded calls each rule explains, by its id."""
'''


def runs() -> list[KernelRun]:
    """A row for each kernel and way it was watched."""
    rows = []
    for path in RECORDED:
        lines = lines_of(path)
        cases = sum(line.kind in JUDGES for line in lines)
        base = RECONSTRUCTED.get(path.name.removesuffix(".txt.gz"), "")
        rows.append(KernelRun(release_of(lines), lines[0].values["machine"], ATTACH, cases, base))
    for path in VECTORS:
        recording, calls = load(path)
        header = recording.header
        rows.append(KernelRun(header.kernel.version, header.kernel.machine, header.attach, len(calls)))
    return sorted(rows)


def rules_seen() -> dict[str, RuleSeen]:
    """The newest kernel of a vector in which a call ended by each rule, or else that of a module (tests/sabotage/rare.py)."""
    seen: dict[str, RuleSeen] = {}
    for path in [*VECTORS, *map(place_of, RECORDED)]:
        recording, calls = load(path)
        header = recording.header
        here = RuleSeen(header.kernel.version, header.kernel.machine, header.attach)
        behaviour = behaviour_of_recorded(header.kernel)
        for rule in {judge(call, behaviour).rule for call in calls}:
            seen[rule] = max(here, seen.get(rule, here))
    for rare in RARE:
        seen.setdefault(rare.rule.value, RuleSeen(version_of(SABOTAGED), "x86_64", "kprobe", rare.module))
    return {rule.value: seen[rule.value] for rule in Rule if rule.value in seen}


def text() -> str:
    """The module."""
    rows = "\n".join(f"    KernelRun({_arguments(run)})," for run in runs())
    seen = "\n".join(f'    "{rule}": RuleSeen({_arguments(where)}),' for rule, where in rules_seen().items())
    recorded = "\n".join(f"    {version}: {_dictionary(counts)}," for version, counts in sorted(rules_recorded().items()))
    return TEXT.format(rows=rows, seen=seen, recorded=recorded)


def rules_recorded() -> dict[Version, Counter[str]]:
    """Of each kernel before 5.10 the calls of its vector, by rule and by backlog rule."""
    counts: dict[Version, Counter[str]] = {}
    for path in RECORDED:
        recording, calls = load(place_of(path))
        behaviour = behaviour_of_recorded(recording.header.kernel)
        verdicts = [judge(call, behaviour) for call in calls]
        counts[release_of(lines_of(path))] = Counter(rule for v in verdicts for rule in (v.rule, v.backlog_rule))
    return counts


def _dictionary(counts: Counter[str]) -> str:
    order = [rule.value for kind in (Rule, BacklogRule) for rule in kind]
    pairs = [f'"{rule}": {counts[rule]}' for rule in order if counts[rule]]
    lines = textwrap.wrap(", ".join(pairs), 110, break_long_words=False, break_on_hyphens=False)
    return "\n".join(["{", *(f"        {line}" for line in lines), "    }"])


def _arguments(row: KernelRun | RuleSeen) -> str:
    """The values of a row as Python has them, without an empty last one."""
    values = [f'"{value}"' if isinstance(value, str) else str(value) for value in row]
    return ", ".join(values[:-1] if values[-1] == '""' else values)


if __name__ == "__main__":
    PLACE.write_text(text())
