"""Breaks the model and the verdict one small change at a time (mutmut), and says which the unit tests missed.

Fails below a score of 99 %: what was noticed, of all that are not listed as equivalent.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import tabulate

from tests import ROOT
from tests.mutation.equivalent import EQUIVALENT

LEAST = 99.0
NOTICED = {"killed", "caught by type check", "timeout", "segfault"}
MISSED = {"survived", "no tests"}


class Mutant(NamedTuple):
    """One change: ``before`` and ``after`` are the lines of the function that differ."""

    name: str
    function: str
    before: str
    after: str

    @property
    def reason(self) -> str | None:
        """Why no test can notice it; None if one could."""
        return EQUIVALENT.get((self.function, self.before, self.after))


def mutmut(*arguments: str, quiet: bool = True) -> str:
    """What mutmut prints; ``listenwatch`` and mypy are those of this Python."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments], cwd=ROOT, env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE if quiet else None, text=True, check=True,
    )  # fmt: skip
    return done.stdout or ""


def results() -> dict[str, str]:
    """The status of each mutant."""
    pairs = (line.strip().rsplit(": ", 1) for line in mutmut("results", "--all", "true").splitlines())
    return {name: status for name, status in pairs}


def read(name: str) -> Mutant:
    """A mutant with its difference from the original."""
    lines = mutmut("show", name).splitlines()
    before, after = (
        " ".join(line[1:].strip() for line in lines if re.match(rf"\{sign}(?!\{sign})", line)) for sign in "-+"
    )
    function = re.sub(r"\.x_?(ǁ)?", ".", name.partition("__mutmut_")[0]).replace("ǁ", ".")
    return Mutant(name, function.removeprefix("listenwatch."), before, after)


def score(statuses: dict[str, str], equivalent: int) -> float:
    """The share of the mutants that were noticed, in percent."""
    noticed = sum(status in NOTICED for status in statuses.values())
    return 100 * noticed / max(1, len(statuses) - equivalent)


def main() -> int:
    """Runs what has not run yet, prints each mutant that was missed, and the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("mutants", nargs="*", help="patterns such as listenwatch.model.mptcp*; all without")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    shutil.rmtree(ROOT / "mutants/tests", ignore_errors=True)  # mutmut leaves tests there that are gone
    mutmut("run", "--max-children", str(options.jobs), *options.mutants, quiet=False)
    statuses = {name: status for name, status in results().items() if status != "not checked"}
    missed = [read(name) for name, status in statuses.items() if status not in NOTICED]
    for mutant in missed:
        if mutant.reason is None:
            print(f"{statuses[mutant.name]}: {mutant.name}\n    - {mutant.before}\n    + {mutant.after}")
    equivalent = [mutant for mutant in missed if mutant.reason]
    count = Counter(statuses.values())
    count["equivalent"] = len(equivalent)
    count["survived"] -= len(equivalent)
    print(tabulate.tabulate([*sorted(count.items()), ("all", len(statuses))]))
    reached = score(statuses, len(equivalent))
    print(f"score {reached:.2f} %, at least {LEAST} %")
    return 0 if reached >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
