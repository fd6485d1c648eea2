"""listenwatch.pyz: one file that any Python from 3.11 on runs, on each of MACHINES.

zipapp makes it. What starts it is ours, as shiv wants a home directory it can write, and pex warns on
standard error without one and starts 0.3 s later.
"""

from __future__ import annotations

import hashlib
import shutil
import zipapp
from pathlib import Path

from deploy.release import licences
from deploy.release.libraries import MACHINES
from deploy.release.source import ROOT, files_of, settle

_HERE = Path(__file__).parent
_BRINGS = "Python packages that listenwatch brings along, each with its licence's text in this file:"


def build(package: Path, needed: Path, into: Path, work: Path, seconds: int) -> Path:
    """The file, in ``into``: ``package`` is the folder of the package, ``needed`` that of ``libraries``.

    ``work`` is a folder in which this makes another.
    """
    tree = work / "pyz"
    shutil.copytree(needed, tree)
    shutil.copytree(package, tree / "all/listenwatch", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(_HERE / "unpacking.py", tree)
    own = (ROOT / "LICENSE").read_text().strip()
    (tree / "LICENSES").write_text("\n".join([own, "", _BRINGS, "", *licences.note(needed, ("all", *MACHINES))]) + "\n")
    main = (_HERE / "pyz_main.py").read_text().replace("@BUILD@", digest(tree)[:16])
    (tree / "__main__.py").write_text(main)
    settle(tree, seconds)
    built = into / "listenwatch.pyz"
    zipapp.create_archive(tree, built, interpreter="/usr/bin/env python3", compressed=True)
    built.chmod(0o755)
    return built


def digest(tree: Path) -> str:
    """One number for all the names and contents below ``tree``."""
    total = hashlib.sha256()
    for path in files_of(tree):
        total.update(f"{path.relative_to(tree)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return total.hexdigest()
