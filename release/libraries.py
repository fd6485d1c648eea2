"""The Python packages listenwatch needs at run time, unpacked from the wheels that requirements.txt pins.

Everything is Python but psutil, which has a compiled part for each machine. What markupsafe has compiled only makes
it faster, and would be one file for each version of Python: it is left out.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from release.source import PIP

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
MACHINES = ("x86_64", "aarch64")
"""As uname(2) names them. The compiled parts run with glibc 2.28 or later."""
COMPILED = "psutil"
_KEPT = ("METADATA", "licenses", "LICENSE")
"""Of what says where a package is from."""


def install(place: Path, machine: str = MACHINES[0]) -> Path:
    """All of them for one machine, in the new folder ``place``."""
    platforms = [word for name in ("manylinux2014", "manylinux_2_28") for word in ("--platform", f"{name}_{machine}")]
    line = [*PIP, "install", "--no-deps", "--no-compile", "--require-hashes", "--only-binary", ":all:",
            "--python-version", "3.11", *platforms, "--target", str(place), "-r", str(REQUIREMENTS)]  # fmt: skip
    subprocess.run(line, check=True)
    shutil.rmtree(place / "bin", ignore_errors=True)
    for path in place.glob("*.dist-info/*"):
        if not path.name.startswith(_KEPT):
            path.unlink()
    for compiled in (place / "markupsafe").glob("_speedups*"):
        compiled.unlink()
    return place


def take_compiled(place: Path, into: Path) -> None:
    """Move the package with a compiled part out of ``place``, which is then Python only."""
    into.mkdir(parents=True, exist_ok=True)
    for path in (place / COMPILED, *place.glob(f"{COMPILED}-*.dist-info")):
        shutil.move(path, into / path.name)
    rest = [*place.rglob("*.so")]
    if rest:
        raise SystemExit(f"release: compiled for one version of Python: {', '.join(path.name for path in rest)}")
