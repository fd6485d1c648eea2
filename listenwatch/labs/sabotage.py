"""A kernel with a bug, for an exercise: one of the modules of tests/sabotage, loaded for a while."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

import listenwatch
from listenwatch.errors import ObserveError
from listenwatch.guests.kernels import cache_directory

MODULES = Path(listenwatch.__file__).parents[1] / "tests/sabotage/modules"


def compiled(names: Collection[str]) -> Path:
    """The folder with these modules, compiled for the running kernel; kept for the next time."""
    release = os.uname().release
    place = cache_directory() / "sabotage" / release
    if all((place / f"{name}.ko").exists() for name in names):
        return place
    if not MODULES.is_dir():
        raise ObserveError(f"no modules in {MODULES}: run it from a checkout")
    shutil.copytree(MODULES, place, dirs_exist_ok=True)
    (place / "Kbuild").write_text("".join(f"obj-m += {name}.o\n" for name in names))
    done = subprocess.run(
        ["make", "-s", "-C", f"/lib/modules/{release}/build", f"M={place}", "modules"],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        lines = done.stderr.splitlines() or ["make failed"]
        raise ObserveError(f"cannot compile kernel modules here: {lines[-1].strip()}")
    return place


@contextlib.contextmanager
def loaded(module: Path) -> Iterator[None]:
    """The module is in the kernel meanwhile, and everything on this machine meets its bug."""
    done = subprocess.run(["insmod", module], capture_output=True, text=True)
    if done.returncode:
        raise ObserveError(f"cannot load {module.name}: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["rmmod", module.stem], check=True)
