"""Which kernels were run, and how many of their answers are replayed: counted in the vectors and the recorded answers.

``python -m tests.helpers.kernels_run`` writes listenwatch/model/kernels_run.py, where everybody finds it.
"""

from __future__ import annotations

from listenwatch.model.history import Version
from listenwatch.model.kernels_run import KernelRun
from tests import ROOT
from tests.helpers.old_kernels import JUDGES, RECORDED, lines_of, release_of
from tests.helpers.old_vectors import ATTACH
from tests.helpers.vectors import VECTORS, load

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


RUN = (
{rows}
)
"""The oldest first."""
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


def text() -> str:
    """The module."""
    return TEXT.format(rows="\n".join(f"    KernelRun({_arguments(run)})," for run in runs()))


def _arguments(run: KernelRun) -> str:
    version: Version = run.version
    parts = [f"({', '.join(map(str, version))})", *(f'"{word}"' for word in (run.machine, run.attach)), str(run.cases)]
    return ", ".join([*parts, f'"{run.base}"'] if run.base else parts)


if __name__ == "__main__":
    PLACE.write_text(text())
