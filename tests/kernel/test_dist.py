"""What `make dist` builds, in a fresh Debian 12 and 13 without a compiler, make, git or network: installed, used, and removed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from listenwatch.version import __version__
from release import libraries
from release.__main__ import build
from release.source import PIP, epoch
from tests.helpers.roots import Root, base
from tests.helpers.watching import needs_kernel

pytestmark = pytest.mark.kernel

SUITES = {"bookworm": "3.11", "trixie": "3.13"}
"""Debian 12 and 13, and the Python they have."""


class Dist:
    """The files that are published."""

    def __init__(self, folder: Path) -> None:
        work = folder / "work"
        work.mkdir()
        self.wheel, self.pyz, self.deb = build(folder / "dist", work, epoch())


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Dist:
    needs_kernel()
    return Dist(tmp_path_factory.mktemp("dist"))


@pytest.fixture(params=SUITES)
def suite(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def root(suite: str, dist: Dist, tmp_path: Path) -> Root:
    root = Root(base(suite), tmp_path / "root")
    for tool in ("clang", "gcc", "make", "git"):
        assert not [*root.base.glob(f"usr/bin/{tool}")]
    root.copy(dist.wheel, dist.pyz, dist.deb)
    return root


def use(root: Root, *program: str) -> None:
    """What a person on call does with it."""
    assert root.run(*program, "--version").startswith(f"listenwatch {__version__}\nkernel: Linux ")
    assert "01-first-look" in root.run(*program, "lab", "list")
    assert "128" in root.run(*program, "predict", "--backlog", "511", "--somaxconn", "128", "--kernel", "6.1")
    watched = root.run(*program, "watch", "-o", "/srv/calls.jsonl", "--count", "1", "--", "python3", "-m", "http.server")
    assert "attach mode seccomp" not in watched and ":8000" in watched
    assert "1 agree, 0 disagree, 0 inconclusive, 0 unmodelled, 0 lost" in watched
    assert "1 agree, 0 disagree" in root.run(*program, "replay", "/srv/calls.jsonl")
    start = f"python3 -m http.server & until {' '.join(program)} sockets -P 8000; do :; done"
    assert "python3" in root.run("sh", "-c", start)


def test_the_debian_package(root: Root, dist: Dist) -> None:
    before = root.files()
    said = root.run("apt-get", "install", "--yes", "--no-install-recommends", f"/srv/{dist.deb.name}")
    assert not re.search(r"^[EW]: ", said, re.MULTILINE), said
    use(root, "listenwatch")
    new = root.files() - before
    assert {f"/usr/share/man/man1/listenwatch{part}.1.gz" for part in ("", "-watch", "-lab")} <= new
    assert {"/usr/share/bash-completion/completions/listenwatch", "/usr/share/zsh/vendor-completions/_listenwatch",
            "/usr/share/fish/vendor_completions.d/listenwatch.fish"} <= new  # fmt: skip
    assert not [path for path in new if path.startswith("/etc/systemd")]  # nothing is enabled
    assert root.run("dpkg", "--verify", "listenwatch") == ""
    root.run("apt-get", "purge", "--yes", "--autoremove", "listenwatch")
    assert root.files() == before


def test_the_single_file(root: Root, dist: Dist) -> None:
    before = root.files()
    use(root, "python3", f"/srv/{dist.pyz.name}")
    cache = "/root/.cache/listenwatch"
    new = root.files() - before
    assert new and all(path.startswith(("/root/.cache", cache)) for path in new)
    # nobody, without a home: in a folder below /tmp, which is gone afterwards
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/nonexistent")
    assert "128" in root.run(*nobody, f"/srv/{dist.pyz.name}", "predict", "--backlog", "511", "--somaxconn", "128", "--kernel", "6.1")
    assert root.run("find", "/tmp", "-mindepth", "1") == ""
    root.run("rm", "-r", "/root/.cache")
    assert root.files() == before


def test_the_wheel(root: Root, dist: Dist, suite: str, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    platforms = [word for name in ("manylinux2014", "manylinux_2_28") for word in ("--platform", f"{name}_x86_64")]
    download = [*PIP, "download", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--python-version",
                SUITES[suite], *platforms, "--dest", str(wheels), "-r", str(libraries.REQUIREMENTS)]  # fmt: skip
    subprocess.run(download, check=True)
    root.copy(*wheels.iterdir())
    root.run("python3", "-m", "venv", "/opt/tool")
    pip = ("/opt/tool/bin/pip", "--quiet", "--disable-pip-version-check")
    offline = ("--no-index", "--find-links", "/srv")
    root.run("sh", "-c", f"{' '.join(pip)} install {' '.join(offline)} $(ls /srv/*.whl | grep -v listenwatch-)")
    before = root.files()
    root.run(*pip, "install", *offline, f"/srv/{dist.wheel.name}")
    use(root, "/opt/tool/bin/listenwatch")
    root.run(*pip, "uninstall", "--yes", "listenwatch")
    left = {path for path in root.files() - before if "/__pycache__" not in path}
    assert not left
