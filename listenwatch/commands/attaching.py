"""The options that say how a command watches, the same for ``watch`` and ``verify``."""

from __future__ import annotations

import argparse

from listenwatch.engines.choose import ATTACH_MODES, ENGINES


def add_options(parser: argparse.ArgumentParser) -> None:
    """``--engine`` and ``--attach``."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="core",
        help="what loads the probe: core, compiled at install time (default), or bcc, which "
        "compiles it now and needs python3-bpfcc and the kernel's headers",
    )
    parser.add_argument(
        "--attach",
        choices=("auto", *ATTACH_MODES),
        default="auto",
        help="how to attach it (default: the richest this kernel offers)",
    )
