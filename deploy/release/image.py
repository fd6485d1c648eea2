"""A container image from the Debian package: python3 -m deploy.release.image DEB TAR, as root.

Nothing of a registry is in it: the packages come from this machine's Debian mirror, and are only unpacked, so there is no
shell, no apt and no user but root. TAR is a root file system, which podman and docker import.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from deploy.release.debian_root import make

SUITE = "trixie"
PACKAGES = ("base-files", "libbpf1", "libc6", "python3", "python3-psutil")
_COMPILED = ("/usr/lib/python3", "/usr/lib/python3.13", "/usr/lib/listenwatch")
_LEFT_OUT = (
    "dev", "var/cache/apt", "var/lib/apt",
    *(f"usr/share/{name}" for name in ("bash-completion", "fish", "info", "lintian", "locale", "man", "perl5", "pixmaps", "zoneinfo", "zsh")),
)  # fmt: skip


def unpack(place: Path) -> None:
    """Make the folder ``place``, with all but listenwatch in it."""
    make(SUITE, place, PACKAGES, "--variant=extract")


def build(base: Path, deb: Path, tar: Path) -> None:
    """Make the tar file of ``base``, which stays as it is, with the package added."""
    with tempfile.TemporaryDirectory(prefix="release-", dir=tar.parent) as name:
        root = Path(name, "root")
        subprocess.run(["cp", "-a", base, root], check=True)
        subprocess.run(["dpkg-deb", "-x", deb, root], check=True)
        compiling = ["python3", "-m", "compileall", "-q", "-x", "/pygments/|/idlelib/", *_COMPILED]
        subprocess.run(["chroot", root, *compiling], check=True, env={"PATH": "/usr/bin:/usr/sbin"})
        for left_out in _LEFT_OUT:
            shutil.rmtree(root / left_out, ignore_errors=True)
        for path in (root / "usr/share/doc").rglob("*"):
            if path.name != "copyright" and not path.is_dir():
                path.unlink()
        for mount in ("dev", "proc", "sys", "tmp"):
            (root / mount).mkdir(exist_ok=True)
        with tarfile.open(tar, "w") as archive:
            archive.add(root, ".")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python3 -m deploy.release.image", description=__doc__)
    parser.add_argument("deb", type=Path)
    parser.add_argument("tar", type=Path)
    options = parser.parse_args()
    options.tar.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="release-") as name:
        unpack(Path(name, "base"))
        build(Path(name, "base"), options.deb, options.tar)
    return 0


if __name__ == "__main__":
    sys.exit(main())
