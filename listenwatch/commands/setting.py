"""What a run of ``verify`` ran on, in words: the last lines of every report."""

from __future__ import annotations

import argparse

from listenwatch.behaviours import describe
from listenwatch.engines.engine import Engine
from listenwatch.kernel import Kernel
from listenwatch.model.behaviour import Behaviour


def setting_of(
    kernel: Kernel, behaviour: Behaviour, args: argparse.Namespace, engine: Engine
) -> dict[str, str]:
    """What a run ran on, for its report."""
    return {
        "kernel": f"{kernel.release} {kernel.machine}",
        "behaviour": describe(behaviour, args.behaviour),
        "engine": engine.name,
        "mode": engine.attach,
        "attach": f"{engine.attach}: {engine.why}",
    }
