"""The engines a run watches with: one, or all that work here, attached at once to the same calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from listenwatch.engines.choose import ENGINES, open_engine
from listenwatch.engines.engine import Engine
from listenwatch.engines.programs import modes_here


def witnesses_of(engine: str, attach: str) -> list[tuple[str, str]]:
    """Engine and attach mode of each witness; ``all`` names every one that this kernel offers.

    The first is the richest, which the others are held against. Engine bcc has one mode.
    """
    modes = modes_here() if attach == "all" else (attach,)
    engines = ENGINES if engine == "all" else (engine,)
    core = [("core", mode) for mode in modes if "core" in engines]
    others = [(name, "auto") for name in engines if name != "core"]
    return core + others


@contextmanager
def open_engines(engine: str, attach: str, *, follow: bool) -> Iterator[list[Engine]]:
    """Every engine asked for, attached; all are detached at the end."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(open_engine(name, mode, follow=follow))
            for name, mode in witnesses_of(engine, attach)
        ]
