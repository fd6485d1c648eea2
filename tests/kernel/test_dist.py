"""What `make dist` and `make image` build: in a fresh Debian 12 and 13 without a compiler, make, git or network, and as a container."""

from __future__ import annotations

import json
import os
import re
import subprocess
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.release import libraries
from deploy.release.source import PIP
from listenwatch.version import __version__
from tests.helpers.dist import Dist
from tests.helpers.podman import LIMITS, OPTIONS, WITH_TRACEFS, podman
from tests.helpers.roots import Root, base
from tests.helpers.watching import needs

pytestmark = pytest.mark.kernel

SUITES = {"bookworm": "3.11", "trixie": "3.13"}
"""Debian 12 and 13, and the Python they have."""


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


def test_all_that_the_packages_need_is_in_the_single_file(dist: Dist, tmp_path: Path) -> None:
    with zipfile.ZipFile(dist.pyz) as archive:
        archive.extractall(tmp_path, [name for name in archive.namelist() if name.endswith("/METADATA")])
    there = list(distributions(path=[str(tmp_path / name) for name in ("all", "x86_64")]))
    versions = {canonicalize_name(package.name): package.version for package in there}
    needed = [Requirement(text) for package in there for text in package.requires or ()]
    for requirement in needed:
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement
    assert len(versions) > 10


def test_what_is_brought_along_is_named_with_its_licence(dist: Dist, tmp_path: Path) -> None:
    """Those of requirements.txt, in both; and each text that is named is there."""
    pinned = set(map(canonicalize_name, re.findall(r"^([\w.-]+)==\S+ \\$", libraries.REQUIREMENTS.read_text(), re.MULTILINE)))
    subprocess.run(["dpkg-deb", "--extract", dist.deb, tmp_path / "deb"], check=True)
    with zipfile.ZipFile(dist.pyz) as archive:
        archive.extractall(tmp_path / "pyz")
    for text, folder, elsewhere in (
        (tmp_path / "pyz/LICENSES", tmp_path / "pyz", set()),
        (tmp_path / "deb/usr/share/doc/listenwatch/copyright", tmp_path / "deb/usr/lib/listenwatch", {libraries.COMPILED}),
    ):
        written = text.read_text()
        assert "Permission is hereby granted" in written
        named = re.findall(r"^ ?(\S+) \S+: (\S.*) \((\S+dist-info\S+(?:, \S+)*)\)$", written, re.MULTILINE)
        assert {canonicalize_name(name) for name, _, _ in named} == pinned - elsewhere
        assert all((folder / path).is_file() for _, _, paths in named for path in paths.split(", "))
        assert re.search(r"crossplane-[\d.]+\.dist-info/NOTICE", written)  # its licence wants it to go along


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
    examples = {f"/usr/share/doc/listenwatch/examples/{name}" for name in ("listenwatch.rules.yml", "listenwatch.json")}
    assert {f"/usr/lib/systemd/system/{name}.service" for name in ("listenwatch", "listenwatch-exporter")} | examples <= new
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


# ---- the image ---------------------------------------------------------------------------------

LISTENER = "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(9)"
LEAST = ("--cap-drop=all", "--cap-add=BPF,PERFMON,DAC_READ_SEARCH", "--security-opt=no-new-privileges", "--read-only")
SEEING = ("--pid=host", "--cgroupns=host", "--volume=/sys/kernel/tracing:/sys/kernel/tracing:ro",
          "--volume=/var/lib/containers/storage:/var/lib/containers/storage:ro")  # fmt: skip
PROFILE = "--security-opt=seccomp=unconfined"
"""That of Debian 12's podman allows bpf() to CAP_SYS_ADMIN only; later ones to CAP_BPF."""


def test_a_container_watches_the_host_with_the_least_privilege(shipped_image: str) -> None:
    watching, listening = f"lw-watching-{os.getpid()}", f"lw-listening-{os.getpid()}"
    limits = ("--network=none", *LIMITS)
    run = [*WITH_TRACEFS, needs("podman"), *OPTIONS, "run", "--name", watching]
    command = ["watch", "--json", "--count", "1", "--duration", "120", "--container", listening]
    with subprocess.Popen(
        [*run, *limits, *LEAST, *SEEING, PROFILE, shipped_image, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout and process.stderr
            first = process.stderr.readline()
            assert "watching listen()" in first, first + process.stderr.read()
            podman("run", "--name", listening, *limits, "--entrypoint", "/usr/bin/python3", shipped_image, "-S", "-c", LISTENER)
            call, summary = map(json.loads, process.stdout.read().splitlines())
        finally:
            podman("rm", "--force", "--ignore", "--time=0", watching, listening)
    assert (call["asked"], call["stored"], call["verdict"]) == (9, 9, "AGREE")
    assert (call["container"]["runtime"], call["container"]["name"]) == ("podman", listening)
    assert summary["summary"]["lost"] == 0


def test_the_image_holds_no_more_than_it_needs(shipped_image: str) -> None:
    run = ("run", "--rm", "--network=none", *LIMITS)
    assert podman(*run, shipped_image, "--version").startswith(f"listenwatch {__version__}\n")
    assert "128" in podman(*run, shipped_image, "predict", "--backlog", "511", "--somaxconn", "128", "--kernel", "6.1")
    there = "import os; print([p for p in ('/bin/sh', '/usr/bin/apt', '/usr/bin/perl', '/etc/passwd') if os.path.exists(p)])"
    assert podman(*run, "--entrypoint", "/usr/bin/python3", shipped_image, "-c", there) == "[]"
