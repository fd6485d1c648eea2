"""How a command watches: its options, and the engines they name, one or several on the same calls."""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from listenwatch.bpf.programs import ATTACH_MODES
from listenwatch.features.attach import ENGINES, SECCOMP, modes_here, open_any_engine

if TYPE_CHECKING:
    from listenwatch.features.attach import AnyEngine


def add_options(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """``--engine`` and ``--attach``; ``several`` adds the value ``all``."""
    more = ("all",) if several else ()
    engines = "; all: both at once" if several else ""
    modes = "; all: every mode by BPF at once, each judged, and their records compared" if several else ""
    add = parser.add_argument
    add("--engine", choices=(*ENGINES, *more), default="core",
        help="what loads the probe: core, compiled at install time (default), or bcc, which "
        f"compiles it now and needs python3-bpfcc and the kernel's headers{engines}")  # fmt: skip
    add("--attach", choices=("auto", *ATTACH_MODES, SECCOMP, *more), default="auto",
        help="how to attach it (default: the richest this kernel offers; to follow a command without "
        f"privilege, seccomp, which needs no BPF){modes}")  # fmt: skip


def witnesses_of(engine: str, attach: str) -> list[tuple[str, str]]:
    """Engine and attach mode of each witness; ``all`` names every one that this kernel offers.

    The first is the richest, with which the others are compared. Engine bcc comes in its own mode.
    """
    modes = modes_here() if attach == "all" else (attach,)
    if engine == "all":
        return [*(("core", mode) for mode in modes), ("bcc", "auto")]
    if engine == "bcc":
        return [("bcc", "auto" if attach == "all" else attach)]
    return [(engine, mode) for mode in modes]


@contextmanager
def open_engines(engine: str, attach: str, *, follow: bool) -> "Iterator[list[AnyEngine]]":
    """Every engine asked for, attached; all are detached at the end."""
    with ExitStack() as stack:
        witnesses = witnesses_of(engine, attach)
        engines: list[AnyEngine] = []
        for names in witnesses:
            engines.append(open_any_engine(*names, follow=follow))
            stack.callback(engines[-1].close)
        yield engines
