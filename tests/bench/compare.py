"""``make bench-compare BASE=FILE``: an earlier run of the bench and the last one, side by side."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.bench.rows import Run, beside


def main(base: Path, now: Path) -> int:
    """Print both."""
    runs = Run.read(base), Run.read(now)
    for name, run in zip(("before", "now"), runs, strict=True):
        print(f"{name}: {run.machine}")
    print(beside(*runs))
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:3])))
