"""Compiles the modules against the headers of a guest's kernel, here rather than in the slow guest."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from listenwatch.errors import GuestError

MODULES = Path(__file__).with_name("modules")


def build(headers: Path, place: Path) -> list[Path]:
    """Compile in a copy at ``place``; returns the .ko files. GuestError says why it cannot.

    Debian's headers name their other half by its place under /usr/src, where a guest has it; here
    ``-C`` and ``O=`` name the two. Their tools are programs of the kernel's own Debian release, and
    run here if that is not a newer one.
    """
    shutil.copytree(MODULES, place, dirs_exist_ok=True)
    (common,) = headers.glob("usr/src/linux-headers-*-common*")
    (config,) = (path.parent for path in headers.glob("usr/src/linux-headers-*/.config"))
    command: list[str | Path] = ["make", "-s", f"-j{os.cpu_count()}", "CC=gcc", "-C", common]
    command += [f"O={config}", f"M={place}", "modules"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.splitlines() or ["make failed"]
        why = next((line for line in lines if re.search("error|not found", line)), lines[0])
        raise GuestError(
            f"cannot compile modules for {config.name} ({why.strip()}): take a kernel of this "
            "machine's own Debian release or of an older one (6.1 for Debian 12)"
        )
    return sorted(place.glob("*.ko"))
