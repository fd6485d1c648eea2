"""``make bench``: start-up, added time per listen() and beside many others, records and verdicts a second, a storm, peak memory."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from listenwatch.linux.kernel import running_kernel
from tests.bench.capturing import added_time, capture, memory
from tests.bench.crowded import crowded
from tests.bench.exporting import with_exporter
from tests.bench.judging import judging
from tests.bench.listeners import with_many
from tests.bench.measuring import LISTENWATCH, build_loop
from tests.bench.rows import Row, Run, as_table
from tests.bench.startup import startup
from tests.bench.storming import storm
from tests.bench.tax import tax


def main(file: Path) -> int:
    """Measure, print one table, and write the same to a file for ``bench-compare``."""
    machine = f"Linux {running_kernel().release}, {os.cpu_count()} processors, Python {sys.version.split()[0]}"
    run = Run(machine, list(measured()))
    print(machine)
    print(as_table(run))
    run.write(file)
    print(f"written to {file}: make bench-compare BASE=FILE shows an earlier one beside it")
    return 0


def measured() -> Iterator[Row]:
    """Every row."""
    with tempfile.TemporaryDirectory() as folder:
        loop = build_loop(folder)
        records: list[bytes] = []
        yield from startup()
        yield from added_time(loop)
        yield from tax(folder)
        yield from crowded(loop)
        yield from capture(loop, records)
        yield from judging(records)
        yield from storm(folder)
        yield from memory(loop)
    yield from with_many(Path(LISTENWATCH))
    yield from with_exporter(Path(LISTENWATCH))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
