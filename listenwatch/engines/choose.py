"""The engine a command asks for, and how engines can be attached here."""

from __future__ import annotations

from listenwatch.engines.engine import Engine
from listenwatch.engines.programs import ATTACH_MODES, modes_here

__all__ = ("ATTACH_MODES", "ENGINES", "modes_here", "open_engine")

ENGINES = ("core", "bcc")


def open_engine(engine: str = "core", attach: str = "auto", *, follow: bool = False) -> Engine:
    """The engine of that name, attached and seen to fire; ObserveError says what is missing."""
    if engine == "bcc":
        from listenwatch.engines.bcc import BccEngine

        return BccEngine(attach, follow=follow)
    from listenwatch.engines.core import CoreEngine

    return CoreEngine(attach, follow=follow)
