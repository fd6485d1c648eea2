"""A cgroup of the tests' own, as a container's is called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.require import require

ROOT = Path("/sys/fs/cgroup")
_HIERARCHIES = (ROOT, ROOT / "unified", ROOT / "cpu", ROOT / "pids")
"""Those of v2, and of v1 such as ask for no setting before a process may enter."""


@contextmanager
def cgroup(path: str) -> Iterator[Path]:
    """A new one, which has to be empty again at the end: the file that takes its processes."""
    hierarchy = next((folder for folder in _HIERARCHIES if (folder / "cgroup.procs").exists()), None)
    require("kernel", hierarchy is not None, "no cgroup hierarchy is mounted")
    assert hierarchy
    folder = hierarchy / path
    missing = [folder, *(parent for parent in folder.parents if not parent.exists())]
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        require("kernel", False, f"no cgroup can be made: {error}")
    try:
        yield folder / "cgroup.procs"
    finally:
        for made in missing:
            made.rmdir()
