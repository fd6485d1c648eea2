"""Kernel modules that break listen(), for an exercise: compiled, loaded for a while, unloaded."""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from listenwatch.errors import ObserveError, Skip
from listenwatch.guests.cache import cache_directory
from listenwatch.linux.terminal import say

MODULES = Path(__file__).with_name("kernel_modules")
"""The modules of ``make sabotage``, and broken.h, which every such module includes."""


def compiled(source: Path) -> Path:
    """The module of this source for this kernel, kept until the source changes; Skip if it cannot be compiled."""
    release = os.uname().release
    texts = [source.read_bytes(), *(path.read_bytes() for path in sorted(MODULES.glob("*.h")))]
    key = hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]
    module = cache_directory() / "modules" / release / key / f"{source.stem}.ko"
    if module.exists():
        return module
    module.parent.mkdir(parents=True, exist_ok=True)
    say(f"compiling {source.name} for Linux {release}")
    with tempfile.TemporaryDirectory(dir=module.parent) as folder:
        shutil.copy(source, folder)
        Path(folder, "Kbuild").write_text(f"obj-m := {source.stem}.o\nccflags-y := -I{MODULES}\n")
        if error := make_modules("-C", f"/lib/modules/{release}/build", f"M={folder}"):
            raise Skip(f"no kernel module can be compiled here: {error}")
        Path(folder, module.name).replace(module)
    return module


def make_modules(*arguments: str | Path) -> str:
    """Have the kernel's own build compile modules; the first error it prints, empty if there was none."""
    line = ["make", "-s", *arguments, "modules"]
    done = subprocess.run(line, capture_output=True, text=True)
    if not done.returncode:
        return ""
    lines = done.stderr.splitlines() or ["make failed"]
    return next((text for text in lines if re.search("error|not found", text)), lines[0]).strip()


@contextlib.contextmanager
def loaded(module: Path, *parameters: str) -> Iterator[None]:
    """Keep the module, and its bug, in the kernel for a while. Skip: refused; ObserveError: it cannot be unloaded."""
    done = subprocess.run(["insmod", module, *parameters], capture_output=True, text=True)
    if done.returncode:
        raise Skip(f"cannot load {module.name}: {done.stderr.strip()}")
    try:
        yield
    finally:
        done = subprocess.run(["rmmod", module.stem], capture_output=True, text=True)
        if done.returncode:  # not raised yet: an exception of the block must not be hidden by this one
            say(f"{done.stderr.strip()}: its bug is still in the kernel: restart this machine")
    if done.returncode:
        raise ObserveError("the kernel has a bug now, and nothing can be judged on it")
