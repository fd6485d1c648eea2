"""The engine a command asks for."""

from __future__ import annotations

from listenwatch.engines.core import CoreEngine
from listenwatch.engines.engine import Engine
from listenwatch.engines.programs import modes_here as modes_here  # the other half of the choice

ENGINES = ("core",)


def open_engine(engine: str = "core", attach: str = "auto", *, follow: bool = False) -> Engine:
    """The engine of that name, attached and seen to fire; ObserveError says what is missing."""
    return CoreEngine(attach, follow=follow)
