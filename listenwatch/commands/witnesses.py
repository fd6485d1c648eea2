"""The engines a run watches with: one, or all that work here, attached at once to the same calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from listenwatch.engines.core import CoreEngine
from listenwatch.engines.programs import choose_mode


def modes_of(attach: str) -> tuple[str, ...]:
    """The attach modes ``attach`` names: ``all`` are those this kernel offers, the richest first."""
    if attach != "all":
        return (attach,)
    return ("kprobe", "tracepoint") if choose_mode("auto")[0] == "kprobe" else ("tracepoint",)


@contextmanager
def open_engines(engine: str, attach: str, *, follow: bool) -> Iterator[list[CoreEngine]]:
    """Every engine asked for, attached; all are detached at the end."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(CoreEngine(mode, follow=follow)) for mode in modes_of(attach)
        ]
