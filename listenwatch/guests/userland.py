"""The programs of a guest of another architecture, which cannot run this machine's: a small Debian, unpacked once.

``<cache>/ARCHITECTURE/userland-KEY/`` appears by one rename, so it is there or it is not. Its packages are only
unpacked: their scripts would need that architecture. What listenwatch imports is among them, but for what is mounted
there (``mounts``): listenwatch itself, so the guest always runs this very version, and what Debian has too old.
"""

import hashlib
import importlib.util
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from listenwatch.guests import kernels
from listenwatch.guests.apt import Progress
from listenwatch.guests.architectures import Architecture
from listenwatch.guests.cache import lock, place_of

SUITE = "trixie"
"""The first with Python packages as new as listenwatch needs them, but for those of MOUNTED."""
PACKAGES = (
    "base-files", "base-passwd", "bash", "busybox-static", "coreutils", "dash", "findutils", "grep", "iproute2", "kmod",
    "libbpf1", "mount", "procps", "sed", "util-linux", "python3", "python3-attr", "python3-cattr",
    "python3-jinja2", "python3-markupsafe", "python3-psutil", "python3-rich", "python3-tabulate",
)  # fmt: skip
MODULES = "/usr/lib/python3/dist-packages"
MOUNTED = ("listenwatch", "pyroute2")
"""Pure Python: the guest's, there, is this machine's."""
COMPILED = "/var/cache/python"
"""Where Python keeps what it has compiled (PYTHONPYCACHEPREFIX): in the cache of this machine, for all guests."""
FILES = {
    "usr/local/bin/listenwatch": "#!/usr/bin/python3\nimport sys\n\nfrom listenwatch.__main__ import main\n\nsys.exit(main())\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "",
}
"""What the packages' scripts, or a person, would have written."""
DIRECTORIES = ("dev", "proc", "run", "sys", "tmp", *(f"{MODULES}/{name}"[1:] for name in MOUNTED), COMPILED[1:])


class Userland(NamedTuple):
    """Where it lies: its root, and what its Python has compiled, which guests write."""

    root: Path
    compiled: Path

    @property
    def busybox(self) -> Path:
        """The program that a guest starts with."""
        return self.root / "usr/bin/busybox"


def mounted() -> dict[str, Path]:
    """What this machine's Python has of MOUNTED, by its place in the guest."""
    specifications = {f"{MODULES}/{name}": importlib.util.find_spec(name) for name in MOUNTED}
    return {place: Path(module.origin).resolve().parent for place, module in specifications.items() if module and module.origin}


def fetch_userland(architecture: Architecture, *, mirror: str | None = None, progress: Progress) -> Userland | None:
    """The programs for guests of that architecture; None for this machine's own, whose guests run its own programs."""
    if architecture.is_own:
        return None
    place = place_of(architecture)
    key = hashlib.sha256(repr((SUITE, PACKAGES, FILES, DIRECTORIES)).encode()).hexdigest()[:12]
    userland = Userland(place / f"userland-{key}", place / "python")
    with lock():
        userland.compiled.mkdir(parents=True, exist_ok=True)
        if not userland.root.exists():
            apt = kernels.private_apt(mirror, architecture)
            apt.update(progress)
            with tempfile.TemporaryDirectory(prefix=".part-", dir=place) as name:
                progress(f"downloading {len(PACKAGES)} Debian packages for {architecture.name}, and what they need")
                packages = apt.download_with_needs(PACKAGES, SUITE, Path(name, "packages"))
                progress("unpacking them")
                _unpack(packages, Path(name, "root"))
                Path(name, "root").rename(userland.root)
    return userland


def _unpack(packages: list[Path], root: Path) -> None:
    for package in packages:
        kernels.call("dpkg-deb", "dpkg", "-x", str(package), str(root))
    for name in ("doc", "man", "locale", "info", "zoneinfo"):
        shutil.rmtree(root / "usr/share" / name, ignore_errors=True)
    for name in DIRECTORIES:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    (root / "usr/local/bin/listenwatch").chmod(0o755)
    (root / "tmp").chmod(0o1777)
    root.chmod(0o755)
