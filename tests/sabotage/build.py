"""Compiles the modules against the headers of a guest's kernel, here rather than in the slow guest."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from listenwatch.errors import GuestError
from listenwatch.labs.modules import MODULES, make_modules


def build(headers: Path, place: Path) -> list[Path]:
    """Compile in a copy at ``place``; returns the .ko files. GuestError says why it cannot.

    Debian's headers name their other half by its place under /usr/src, where a guest has it; here
    ``-C`` and ``O=`` name the two. Their tools are programs of the kernel's own Debian release, and
    run here if that is not a newer one. Who comes while another compiles there waits: two of the
    kernel's builds in a folder take each other's files away.
    """
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.copytree(MODULES, place, dirs_exist_ok=True)
        _compile(headers, place)
    return sorted(place.glob("*.ko"))


def _compile(headers: Path, place: Path) -> None:
    (common,) = headers.glob("usr/src/linux-headers-*-common*")
    (config,) = (path.parent for path in headers.glob("usr/src/linux-headers-*/.config"))
    jobs = f"-j{os.cpu_count()}"
    if error := make_modules(jobs, "CC=gcc", "-C", common, f"O={config}", f"M={place}"):
        raise GuestError(
            f"cannot compile modules for {config.name} ({error}): take a kernel of this "
            "machine's own Debian release or of an older one (6.1 for Debian 12)"
        )
