"""Small Debian systems of their own to install in, without a compiler, make or git: kept in the cache, changed nowhere but in a copy."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from deploy.release import debian_root, image
from listenwatch.guests.cache import cache_directory
from tests.require import require

PACKAGES = ("python3", "python3-venv", "libbpf1")
AT_HAND = ("python3-psutil",)
"""Not installed, but where apt finds them without network: what the Debian package needs besides."""
OF_THE_MACHINE = (
    "systemd-sysctl.service", "systemd-udevd.service", "systemd-udev-trigger.service", "systemd-modules-load.service",
    "systemd-binfmt.service", "systemd-random-seed.service",
)  # fmt: skip
"""Units of a systemd in a container that would change the machine it runs on."""
_INSIDE = """
set -eu
base=$1 upper=$2
shift 2
mkdir -p "$upper/changed" "$upper/work" "$upper/root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$upper/changed,workdir=$upper/work" "$upper/root"
mount -t proc proc "$upper/root/proc"
mount --rbind /sys "$upper/root/sys"
mount --rbind /dev "$upper/root/dev"
exec chroot "$upper/root" "$@"
"""


def base(suite: str) -> Path:
    """The root of a Debian of that suite, made once from the mirror that this machine's apt uses."""
    download = f'chroot "$1" apt-get install --yes --download-only --no-install-recommends {" ".join(AT_HAND)}'
    options = ("--variant=minbase", "--skip=cleanup/apt", f"--customize-hook={download}")
    return _kept(suite, (*PACKAGES, *options), lambda place: debian_root.make(suite, place, PACKAGES, *options))


def systemd_base() -> Path:
    """A Debian 12 that systemd starts, with what the Debian package needs and jq, made once."""
    packages = ("systemd", "systemd-sysv", "jq", *PACKAGES, *AT_HAND)
    options = ("--variant=minbase", f'--customize-hook=chroot "$1" systemctl mask {" ".join(OF_THE_MACHINE)}')
    return _kept("systemd", (*packages, *options), lambda place: debian_root.make("bookworm", place, packages, *options))


def image_base() -> Path:
    """What a container image has besides listenwatch, made once."""
    return _kept("image", (image.SUITE, *image.PACKAGES), image.unpack)


def _kept(name: str, parts: tuple[str, ...], make: Callable[[Path], None]) -> Path:
    """A folder of the cache, made by ``make`` unless it is there with the same parts."""
    place = cache_directory() / "roots" / f"{name}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:8]}"
    if not place.exists():
        require("kernel", shutil.which("mmdebstrap") is not None, "no mmdebstrap: run 'apt-get install mmdebstrap'")
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=place.parent) as folder:
            make(Path(folder, "root"))
            Path(folder, "root").rename(place)
    return place


class Root(NamedTuple):
    """One copy of a base: what is changed stays in ``upper``."""

    base: Path
    upper: Path

    def run(self, *command: str, status: int = 0) -> str:
        """Run a command as root in it, without network and in a pid namespace of its own; what it wrote."""
        namespaces = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--")
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "COLUMNS": "120"}
        environment["DEBIAN_FRONTEND"] = "noninteractive"
        line = [*namespaces, "sh", "-c", _INSIDE, "sh", str(self.base), str(self.upper), *command]
        done = subprocess.run(line, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == status, f"{' '.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    def copy(self, *files: Path) -> None:
        """Put files into its /srv; only while nothing runs in it."""
        place = self.upper / "changed/srv"
        place.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, place)

    def files(self) -> set[str]:
        """Every path in it, but for what apt and dpkg note of what they did."""
        noted = " -o ".join(f"-path {path}" for path in ("/proc", "/sys", "/dev", "/tmp", "/srv", "/var/cache", "/var/log", "/var/lib/apt", "/var/lib/dpkg"))
        return set(self.run("sh", "-c", f"find / \\( {noted} \\) -prune -o -print").splitlines())

