"""What a watched listen() costs on a machine with many listeners and many network namespaces: it must not grow with them."""

from __future__ import annotations

from collections.abc import Iterator

from listenwatch.features.attach import open_engine
from tests.bench.capturing import drained
from tests.bench.measuring import median_of, per_call
from tests.bench.rows import Row
from tests.helpers.many_listeners import many_listeners
from tests.helpers.prompted import prompted

LISTENERS = (1_000, 100_000)
NAMESPACES = 1_000


def crowded(loop: str) -> Iterator[Row]:
    """Each beside the same a moment before, with none of them."""

    def cost() -> float:
        return median_of(lambda: per_call([loop, "300000"]))

    crowds = {f"{number:,} listeners": many_listeners(number) for number in LISTENERS}
    crowds[f"{NAMESPACES:,} network namespaces"] = prompted("tests.bench.namespaces", str(NAMESPACES))
    with open_engine() as engine, drained(engine):
        for name, crowd in crowds.items():
            alone = cost()
            with crowd:
                yield Row(f"a watched listen() beside {name}", cost(), "ns", "with none of them", alone)
