"""The Python packages listenwatch needs at run time, unpacked from the wheels that requirements.txt pins.

Everything is Python but psutil, which has a compiled part for each machine. What markupsafe and PyYAML have compiled only
makes them faster, and would be one file for each version of Python: it is left out.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from deploy.release.source import PIP

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
MACHINES = ("x86_64", "aarch64")
"""As uname(2) names them. The compiled parts run with glibc 2.28 or later."""
COMPILED = "psutil"
_KEPT = ("METADATA", "licenses", "LICENSE", "NOTICE", "AUTHORS")
"""Of what says where a package is from. The Apache licence (4 d) wants its NOTICE to go along."""


def install(place: Path) -> Path:
    """Fill the new folder ``place``: ``all`` with what is Python only, a folder of each machine's name with the rest."""
    pure = place / "all"
    _install(REQUIREMENTS, MACHINES[0], pure)
    shutil.rmtree(pure / "bin", ignore_errors=True)
    for compiled in [*pure.glob("markupsafe/_speedups*"), *pure.glob("yaml/_yaml*.so")]:
        compiled.unlink()
    (place / MACHINES[0]).mkdir()
    for path in (pure / COMPILED, *pure.glob(f"{COMPILED}-*.dist-info")):
        shutil.move(path, place / MACHINES[0])
    if rest := [*pure.rglob("*.so")]:
        raise SystemExit(f"release: compiled for one version of Python: {', '.join(path.name for path in rest)}")
    alone = place / "requirements.txt"
    alone.write_text(_lines_of(COMPILED))
    for machine in MACHINES[1:]:
        _install(alone, machine, place / machine)
    alone.unlink()
    for path in place.glob("*/*.dist-info/*"):
        if not path.name.startswith(_KEPT):
            path.unlink()
    return place


def _install(requirements: Path, machine: str, into: Path) -> None:
    platforms = [word for name in ("manylinux2014", "manylinux_2_28") for word in ("--platform", f"{name}_{machine}")]
    line = [*PIP, "install", "--no-deps", "--no-compile", "--require-hashes", "--only-binary", ":all:",
            "--python-version", "3.11", *platforms, "--target", str(into), "-r", str(requirements)]  # fmt: skip
    subprocess.run(line, check=True)


def _lines_of(package: str) -> str:
    """What REQUIREMENTS says of one package: its line, and those of its hashes."""
    match = re.search(rf"^{package}==.*\n(?: .*\n)*", REQUIREMENTS.read_text(), re.MULTILINE)
    assert match, package
    return match[0]
