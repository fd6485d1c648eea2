"""A kernel with a bug, for an exercise: a module that breaks listen(), loaded for a while."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import listenwatch
from listenwatch.errors import ObserveError
from listenwatch.guests.kernels import cache_directory
from listenwatch.scenarios.lab import Skip
from listenwatch.terminal import say

MODULES = Path(listenwatch.__file__).parents[1] / "tests/sabotage/modules"
"""The modules of ``make sabotage``, and broken.h, which such a module includes."""


def compiled(source: Path) -> Path:
    """The module of this source, compiled for the running kernel; kept until the source changes.

    Skip says why it cannot be compiled here.
    """
    release = os.uname().release
    texts = [source.read_bytes(), *(path.read_bytes() for path in sorted(MODULES.glob("*.h")))]
    key = hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]
    kept = cache_directory() / "modules" / release / key / f"{source.stem}.ko"
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    say(f"compiling {source.name} for Linux {release}")
    with tempfile.TemporaryDirectory(dir=kept.parent) as place:
        shutil.copy(source, place)
        Path(place, "Kbuild").write_text(f"obj-m := {source.stem}.o\nccflags-y := -I{MODULES}\n")
        if error := make_modules("-C", f"/lib/modules/{release}/build", f"M={place}"):
            raise Skip(f"no kernel module can be compiled here: {error}")
        Path(place, kept.name).replace(kept)
    return kept


def make_modules(*arguments: str | Path) -> str:
    """Have the kernel's own build compile modules; the first error it tells, empty if there was none."""
    line = ["make", "-s", *arguments, "modules"]
    done = subprocess.run(line, capture_output=True, text=True)
    if not done.returncode:
        return ""
    lines = done.stderr.splitlines() or ["make failed"]
    return next((text for text in lines if re.search("error|not found", text)), lines[0]).strip()


@contextlib.contextmanager
def loaded(module: Path, *parameters: str) -> Iterator[None]:
    """The module is in the kernel meanwhile, and everything on this machine meets its bug.

    Skip says why the kernel does not take it; ObserveError that it does not let go of it.
    """
    done = subprocess.run(["insmod", module, *parameters], capture_output=True, text=True)
    if done.returncode:
        raise Skip(f"cannot load {module.name}: {done.stderr.strip()}")
    try:
        yield
    finally:
        done = subprocess.run(["rmmod", module.stem], capture_output=True, text=True)
        if done.returncode:  # said, so that an error on its way out is not hidden by this one
            say(f"{done.stderr.strip()}: its bug is still in the kernel: restart this machine")
    if done.returncode:
        raise ObserveError("the kernel has a bug now, and nothing can be judged on it")
