"""Build all of it, twice, in different folders and with different umasks, and keep it in dist/ if both came out the same: python -m deploy.release."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from deploy.release import deb, libraries, pyz
from deploy.release.source import ROOT, copied, epoch, wheel


def build(into: Path, work: Path, seconds: int) -> list[Path]:
    """Each file that is published, in the new folder ``into``; ``work`` is an empty folder."""
    into.mkdir()
    package = copied(work / "source") / "listenwatch"
    needed = libraries.install(work / "libraries")
    return [
        wheel(copied(work / "of-wheel"), into, seconds),
        pyz.build(package, needed, into, work, seconds),
        deb.build(package, needed, into, work, seconds),
    ]


def main() -> int:
    """Build and compare; the exit status is 1 where a file differs."""
    parser = argparse.ArgumentParser(prog="python -m deploy.release", description=__doc__)
    parser.add_argument("--into", type=Path, default=ROOT / "dist", help="default: dist")
    parser.add_argument("--once", action="store_true", help="do not build again to compare")
    options = parser.parse_args()
    seconds = epoch()
    with tempfile.TemporaryDirectory(prefix="release-") as name:
        folder = Path(name)
        umasks = {"1": 0o022} if options.once else {"1": 0o022, "second": 0o077}
        sums = [build_in(folder / number, seconds, umask) for number, umask in umasks.items()]
        differing = [file for file in sums[0] if any(other[file] != sums[0][file] for other in sums)]
        if differing:
            sys.stderr.write(f"release: two builds differ: {', '.join(differing)}\n")
            return 1
        options.into.mkdir(exist_ok=True)
        for earlier in options.into.glob("listenwatch*"):
            earlier.unlink()
        for file, digest in sums[0].items():
            shutil.copy(folder / "1/out" / file, options.into)
            print(f"{digest}  {file}")
    return 0


def build_in(folder: Path, seconds: int, umask: int) -> dict[str, str]:
    """Build in ``folder`` as a user with that umask: the SHA-256 of each file by its name."""
    work = folder / "work"
    work.mkdir(parents=True)
    own = os.umask(umask)
    try:
        files = build(folder / "out", work, seconds)
    finally:
        os.umask(own)
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


if __name__ == "__main__":
    sys.exit(main())
