"""The tree that everything is built from: a copy whose times and modes depend on nothing but the commit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NEEDED = ("listenwatch", "pyproject.toml", "README.md", "LICENSE")
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


def epoch() -> int:
    """The time that every file built has, in seconds since 1970: SOURCE_DATE_EPOCH, or the last commit's."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    line = ["git", "-C", str(ROOT), "-c", f"safe.directory={ROOT}", "log", "-1", "--format=%ct"]
    return int(given or subprocess.check_output(line, text=True))


def copied(place: Path) -> Path:
    """A copy of what the package is built from, in the new folder ``place``."""
    place.mkdir()
    for name in _NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, place)
    return place


def files_of(tree: Path) -> Iterator[Path]:
    """Every file below ``tree``, in an order that is the same everywhere."""
    return (path for path in sorted(tree.rglob("*")) if path.is_file())


def settle(tree: Path, seconds: int) -> None:
    """Give all below ``tree`` the time ``seconds`` and the modes of files that everybody may read."""
    for path in (*tree.rglob("*"), tree):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (seconds, seconds), follow_symlinks=False)


def wheel(source: Path, into: Path, seconds: int) -> Path:
    """Build the wheel of the copy ``source``; its path in ``into``. It takes no network."""
    settle(source, seconds)
    line = [*PIP, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", str(into), str(source)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(seconds)}
    subprocess.run(line, check=True, env=environment, umask=0o022)  # of files that setuptools adds
    (built,) = into.glob("listenwatch-*.whl")
    return built
