"""How listenwatch.pyz starts, with a small program in place of the real one; and what is packed into it."""

from __future__ import annotations

import ast
import fcntl
import os
import re
import subprocess
import sys
import zipapp
from configparser import ConfigParser
from importlib.metadata import distribution
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

from deploy.release import deb, libraries, pyz, source, unpacking
from listenwatch import cli
from listenwatch.linux.privileges import ATTACH
from tests.helpers.imports import MODULES
from tests.helpers.privileges import as_nobody
from tests.require import require

MAIN = Path(unpacking.__file__).with_name("pyz_main.py")
PROGRAM = """
import os
import sys
from pathlib import Path

def main():
    print(Path(__file__).parents[2], flush=True)
    if sys.argv[1:] == ["killed"]:
        os.kill(os.getpid(), 9)
    return 7
"""
NOBODY = 65534
OLD = 1_000_000_000


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A .pyz whose program prints where it was unpacked and returns 7."""
    tree = tmp_path / "tree"
    package = tree / "all/listenwatch"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(PROGRAM)
    (tree / "unpacking.py").write_text(Path(unpacking.__file__).read_text())
    (tree / "__main__.py").write_text(MAIN.read_text().replace("@BUILD@", pyz.digest(package)[:16]))
    built = tmp_path / "listenwatch.pyz"
    zipapp.create_archive(tree, built)
    for path in (tmp_path, *tmp_path.parents):
        if path.name.startswith("pytest-"):
            path.chmod(0o755)  # for other users
    return built


class Place:
    """A home and a folder for temporary files, and the program started with them."""

    def __init__(self, archive: Path, tmp_path: Path) -> None:
        self.archive = archive
        self.home, self.temporary = tmp_path / "home", tmp_path / "temporary"
        self.home.mkdir()
        self.temporary.mkdir(mode=0o1777)
        self.temporary.chmod(0o1777)
        self.cache = self.home / ".cache/listenwatch"

    def start(self, *arguments: str, nobody: bool = False, **variables: str) -> subprocess.Popen[str]:
        environment = {"HOME": str(self.home), "TMPDIR": str(self.temporary), "PATH": os.environ["PATH"], **variables}
        command = [sys.executable, "-S", str(self.archive), *arguments]
        if nobody:
            command = as_nobody(("CAP_DAC_READ_SEARCH",), command)  # this Python may lie in a folder of root's
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def where(self, *arguments: str, status: int = 7, nobody: bool = False, **variables: str) -> Path:
        """Where it was unpacked; nothing but that was said."""
        process = self.start(*arguments, nobody=nobody, **variables)
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (status, "")
        return Path(out.strip())

    def assert_passing(self, where: Path, uid: int | None = None) -> None:
        """It was in a folder of its own, which is gone."""
        uid = os.geteuid() if uid is None else uid
        assert where.parent == self.temporary and where.name.startswith(f"listenwatch-{uid}-")
        assert not [*self.temporary.iterdir()]


@pytest.fixture
def place(archive: Path, tmp_path: Path) -> Place:
    return Place(archive, tmp_path)


def age(folder: Path) -> None:
    """Let it seem to be from long ago."""
    os.utime(folder, (OLD, OLD))


# ---- a folder that stays -----------------------------------------------------------------------


def test_it_is_unpacked_once_and_for_this_user_only(place: Place) -> None:
    first = place.where()
    assert first.parent == place.cache and first.stat().st_mode & 0o777 == 0o700
    unpacked = (first / "all/listenwatch/__main__.py").stat()
    assert place.where() == first
    assert (first / "all/listenwatch/__main__.py").stat().st_ino == unpacked.st_ino
    assert [path.name for path in place.cache.iterdir()] == [first.name]
    assert not [*place.temporary.iterdir()]


def test_it_is_unpacked_where_the_user_wants_the_cache(place: Place, tmp_path: Path) -> None:
    assert place.where(XDG_CACHE_HOME=str(tmp_path / "mine")).parent == tmp_path / "mine/listenwatch"
    assert not place.cache.exists()


def test_several_starts_at_once(place: Place) -> None:
    processes = [place.start() for _ in range(4)]
    outputs = {process.communicate(timeout=120) for process in processes}
    assert [process.returncode for process in processes] == [7] * 4
    assert len(outputs) == len([*place.cache.iterdir()]) == 1


def test_other_versions_are_removed_unless_they_run(place: Place) -> None:
    names = "program-old", "program-running", "program-of-this-second", "kernels"
    for name in names:
        (place.cache / name).mkdir(parents=True)
    for name in ("program-old", "program-running", "kernels"):
        age(place.cache / name)
    place.cache.parent.chmod(0o700)
    place.cache.chmod(0o700)
    running = unpacking.hold(place.cache / "program-running", fcntl.LOCK_SH)
    where = place.where()
    os.close(running)
    assert {path.name for path in place.cache.iterdir()} == {*names[1:], where.name}


# ---- a folder that passes ----------------------------------------------------------------------


def test_without_a_home(place: Place) -> None:
    place.assert_passing(place.where(HOME=str(place.home / "none")))
    assert not [*place.home.iterdir()]


def test_a_cache_that_others_may_change(place: Place) -> None:
    place.cache.mkdir(parents=True)
    place.cache.chmod(0o777)
    place.assert_passing(place.where())


def test_a_cache_that_has_a_relative_name(place: Place) -> None:
    place.assert_passing(place.where(XDG_CACHE_HOME="here"))


def test_a_home_that_is_another_s(place: Place) -> None:
    require("root", os.geteuid() == 0, "to be two users")
    os.chown(place.home, NOBODY, -1)
    (place.home / ".cache").mkdir()
    os.chown(place.home / ".cache", NOBODY, -1)
    place.assert_passing(place.where())


def test_a_home_that_cannot_be_written(place: Place) -> None:
    require("root", os.geteuid() == 0, "to be another user")
    place.assert_passing(place.where(nobody=True), NOBODY)


def test_what_a_killed_process_left_is_removed(place: Place) -> None:
    none = str(place.home / "none")
    left = place.where("killed", status=-9, HOME=none)
    assert left.exists()
    age(left)
    place.assert_passing(place.where(HOME=none))


# ---- where it cannot start ---------------------------------------------------------------------


def test_a_file_that_was_copied_in_part(place: Place) -> None:
    data = place.archive.read_bytes()
    start = data.index(b"all/listenwatch/__main__.py")
    place.archive.write_bytes(data[: start + 40] + b"\0" * 20 + data[start + 60 :])
    process = place.start()
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, len(err.splitlines())) == (3, "", 1)
    assert err.startswith("listenwatch: cannot start: ")
    assert not [*place.cache.iterdir()]


def test_an_interrupt_while_it_is_unpacked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(unpacking, "_unpacked", interrupt)
    assert unpacking.main("x") == 130


@pytest.mark.parametrize("version", [(2, 7), (3, 6), (3, 10)])
def test_an_older_python_is_told_what_it_lacks(
    version: tuple[int, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ast.parse(MAIN.read_text(), feature_version=(3, 3))
    assert "f\"" not in MAIN.read_text()
    fake = SimpleNamespace(version_info=version, stderr=sys.stderr, exit=sys.exit)
    monkeypatch.setitem(sys.modules, "sys", fake)
    with pytest.raises(SystemExit) as end:
        exec(compile(MAIN.read_text(), str(MAIN), "exec"), {})
    assert end.value.code == 3
    line = f"listenwatch: cannot start: it needs Python 3.11 or later, and this is {version[0]}.{version[1]}\n"
    assert capsys.readouterr().err == line


# ---- what is packed ----------------------------------------------------------------------------


BROUGHT = ("check", "exporter")
"""The extras that what is built has too."""


def pinned() -> dict[str, str]:
    """The version of each package in requirements.txt."""
    return dict(re.findall(r"^([\w.-]+)==(\S+) \\$", libraries.REQUIREMENTS.read_text(), re.MULTILINE))


def test_the_packages_that_are_brought_are_those_it_needs() -> None:
    versions = pinned()
    declared = [Requirement(text) for text in distribution("listenwatch").requires or ()]
    needed = [each for each in declared if not each.marker or any(each.marker.evaluate({"extra": name}) for name in BROUGHT)]
    for requirement in needed:
        assert requirement.specifier.contains(versions[requirement.name.lower()]), requirement
    assert {"psutil", "crossplane", "prometheus-client"} <= {requirement.name for requirement in needed}


def test_the_unit_runs_a_command_that_there_is_with_the_capabilities_it_needs() -> None:
    unit = ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((Path(deb.__file__).parent / "debian/listenwatch.service").read_text())
    program, command, *options = unit["Service"]["ExecStart"].split()
    assert program == "/usr/bin/listenwatch"
    assert cli.parser_of(command).parse_args(options).json
    for key in ("CapabilityBoundingSet", "AmbientCapabilities"):
        assert unit["Service"][key].split() == [*ATTACH]


def test_every_build_has_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    before = pyz.digest(tmp_path)
    assert pyz.digest(tmp_path) == before
    (tmp_path / "a").rename(tmp_path / "b")
    assert pyz.digest(tmp_path) != before


def test_times_and_modes_do_not_depend_on_who_builds(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir(mode=0o700)
    (tmp_path / "folder/file").touch(mode=0o600)
    (tmp_path / "program").touch(mode=0o740)
    source.settle(tmp_path, OLD)
    modes = {path.name: (path.stat().st_mode & 0o777, path.stat().st_mtime) for path in tmp_path.rglob("*")}
    assert modes == {"folder": (0o755, OLD), "file": (0o644, OLD), "program": (0o755, OLD)}


def test_the_time_is_the_commit_s_unless_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert source.epoch() > OLD
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "5")
    assert source.epoch() == 5


def test_the_copy_is_the_package(tmp_path: Path) -> None:
    copy = source.copied(tmp_path / "copy") / "listenwatch"
    modules = {str(path.relative_to(source.ROOT / "listenwatch")) for path in MODULES.values()}
    assert modules <= {str(path.relative_to(copy)) for path in source.files_of(copy)}


@pytest.mark.parametrize(("version", "debian"), [("0.1.0", "0.1.0"), ("1.0rc1", "1.0~rc1"), ("0.2.0.dev3", "0.2.0~dev3")])
def test_debian_orders_what_comes_before_a_release_before_it(version: str, debian: str) -> None:
    assert deb.debian_version(version) == debian
    compare = ["dpkg", "--compare-versions", debian, "lt", f"{version.partition('rc')[0].partition('.dev')[0]}.1"]
    subprocess.run(compare, check=True)
    if debian != version:
        subprocess.run([*compare[:-1], re.split("rc|[.]dev", version)[0]], check=True)
