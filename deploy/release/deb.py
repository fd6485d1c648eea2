"""The Debian package, for Debian 12 and later, of every architecture.

It brings its own copies of the Python packages, in a folder that is on no other program's path: Debian 12 has a cattrs,
a pyroute2 and a tabulate that are too old, and with the same copies as in listenwatch.pyz the same was tested. psutil,
which is compiled, is Debian's. dpkg-deb packs it: debhelper has nothing to do for a tree that is complete already.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from deploy.release import completions, licences, manual
from deploy.release.source import ROOT, files_of, settle
from listenwatch.version import __version__

_DEBIAN = Path(__file__).with_name("debian")
_EXPORTER = ROOT / "deploy/systemd/listenwatch-exporter.service"
_UNITS = "usr/lib/systemd/system"
_EXAMPLES = ("prometheus/listenwatch.rules.yml", "grafana/listenwatch.json")
"""Of deploy/: for another program to read, so under the documents."""
_PLACES = {
    "bash": "usr/share/bash-completion/completions",
    "zsh": "usr/share/zsh/vendor-completions",
    "fish": "usr/share/fish/vendor_completions.d",
}


def build(package: Path, needed: Path, into: Path, work: Path, seconds: int) -> Path:
    """The .deb, in ``into``: ``package`` is the folder of the package, ``needed`` that of ``libraries``.

    ``work`` is a folder in which this makes others.
    """
    tree = work / "deb"
    shutil.copytree(needed / "all", tree / "usr/lib/listenwatch")
    shutil.copytree(package, tree / "usr/lib/listenwatch/listenwatch", ignore=shutil.ignore_patterns("__pycache__"))
    _documents(tree, work, seconds)
    _copyright(tree, licences.note(needed / "all", (".",)))
    _place(_DEBIAN / "launcher", tree / "usr/bin/listenwatch", 0o755)
    _place(_DEBIAN / "listenwatch.service", tree / _UNITS / "listenwatch.service")
    _place(_EXPORTER, tree / _UNITS / _EXPORTER.name)
    unit = tree / _UNITS / _EXPORTER.name
    unit.write_text(unit.read_text().replace("/usr/local/bin/", "/usr/bin/"))
    _control(tree)
    settle(tree, seconds)
    built = into / f"listenwatch_{debian_version(__version__)}_all.deb"
    line = ["dpkg-deb", "--root-owner-group", "-Zxz", "--threads-max=1", "--build", str(tree), str(built)]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "SOURCE_DATE_EPOCH": str(seconds)})
    return built


def debian_version(version: str) -> str:
    """A version as Debian orders it: what comes before a release has a tilde (``1.0rc1`` is ``1.0~rc1``)."""
    return re.sub(r"\.?(dev|a|b|rc)(?=\d)", r"~\1", version)


def _documents(tree: Path, work: Path, seconds: int) -> None:
    for page in manual.build(work / "deb-man", seconds):
        _compress(page.read_bytes(), tree / f"usr/share/man/man1/{page.name}.gz")
    for shell, file in zip(completions.FILES, completions.build(work / "deb-completions"), strict=True):
        _place(file, tree / _PLACES[shell] / file.name)
    documents = tree / "usr/share/doc/listenwatch"
    _compress((ROOT / "CHANGELOG.md").read_bytes(), documents / "changelog.gz")
    for name in _EXAMPLES:
        _place(ROOT / "deploy" / name, documents / "examples" / Path(name).name)


def _copyright(tree: Path, brought: list[str]) -> None:
    target = tree / "usr/share/doc/listenwatch/copyright"
    _place(_DEBIAN / "copyright", target)
    text = (ROOT / "LICENSE").read_text().strip().partition("Permission")
    terms = [f" {line}" if line else " ." for line in f"{text[1]}{text[2]}".splitlines()]
    lines = target.read_text().replace("@BROUGHT@", "\n".join(f" {line}" for line in brought))
    target.write_text("\n".join([lines, "License: MIT", *terms]) + "\n")


def _control(tree: Path) -> None:
    files = [*files_of(tree)]
    size = sum(-(-file.stat().st_size // 1024) for file in files)
    sums = "".join(f"{hashlib.md5(file.read_bytes()).hexdigest()}  {file.relative_to(tree)}\n" for file in files)
    folder = tree / "DEBIAN"
    for name in ("postinst", "prerm", "postrm"):
        _place(_DEBIAN / name, folder / name, 0o755)
    text = (_DEBIAN / "control").read_text()
    text = text.replace("@VERSION@", debian_version(__version__)).replace("@SIZE@", str(size))
    (folder / "control").write_text(text)
    (folder / "md5sums").write_text(sums)


def _place(file: Path, target: Path, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
    target.chmod(mode)


def _compress(data: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(data, 9, mtime=0))
