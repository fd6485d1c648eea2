"""Compiles the modules against the headers of a guest's kernel, here rather than in the slow guest."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from listenwatch.errors import GuestError

MODULES = Path(__file__).with_name("modules")


def build(headers: Path, place: Path) -> list[Path]:
    """Compile in a copy at ``place``; returns the .ko files. GuestError says why it cannot.

    Debian's headers name their other half by its place under /usr/src, where a guest has it; here
    ``-C`` and ``O=`` name the two. Their tools are programs of the Debian release the kernel is from.
    """
    shutil.copytree(MODULES, place, dirs_exist_ok=True)
    (common,) = headers.glob("usr/src/linux-headers-*-common*")
    (config,) = (path.parent for path in headers.glob("usr/src/linux-headers-*/.config"))
    jobs = f"-j{os.cpu_count()}"
    command: list[str | Path] = [
        "make",
        "-s",
        jobs,
        "-C",
        common,
        f"O={config}",
        f"M={place}",
        "modules",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        why = next(iter(done.stderr.splitlines()), "make failed")
        raise GuestError(
            f"cannot compile modules for {config.name} ({why}): take a kernel of this machine's own "
            "Debian release, with its gcc (6.1 for Debian 12)"
        )
    return sorted(place.glob("*.ko"))
