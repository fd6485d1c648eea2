"""Cgroup ids to paths, in folders that stand for the hierarchy."""

from __future__ import annotations

from pathlib import Path

import pytest

from listenwatch.linux import cgroup_paths
from listenwatch.linux.cgroup_paths import REST, CgroupPaths, Mount, unified_mount


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "system.slice/nginx.service").mkdir(parents=True)
    (tmp_path / "system.slice/cgroup.procs").write_text("")
    (tmp_path / "link").symlink_to("system.slice")
    return tmp_path


def inode(path: Path) -> int:
    return path.stat().st_ino


def test_every_cgroup_is_found_by_its_id(tree: Path) -> None:
    paths = CgroupPaths(Mount(str(tree)))
    service = inode(tree / "system.slice/nginx.service")
    assert paths.path_of(service, None) == "/system.slice/nginx.service"
    assert paths.path_of(service, "/system.slice") == "/system.slice/nginx.service"
    assert paths.path_of(inode(tree), None) == "/"


def test_the_likely_path_needs_no_look(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup_paths, "_look", lambda mount: pytest.fail("looked"))
    assert CgroupPaths(Mount(str(tree))).path_of(inode(tree / "system.slice"), "/system.slice") == "/system.slice"


def test_before_5_5_the_upper_half_of_an_id_is_a_generation(tree: Path) -> None:
    assert CgroupPaths(Mount(str(tree))).is_at(inode(tree / "system.slice") | 7 << 32, "/system.slice")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Clock]:
    """A clock, by which each look takes 2 s; then the looks."""
    clock, look = Clock(), cgroup_paths._look
    looks = [clock]

    def slow(mount: Mount) -> dict[int, str]:
        clock.now += 2
        looks.append(clock)
        return look(mount)

    monkeypatch.setattr(cgroup_paths, "_look", slow)
    return looks


def test_after_a_look_there_is_a_rest(tree: Path, looks: list[Clock]) -> None:
    clock = looks[0]
    paths = CgroupPaths(Mount(str(tree)), clock)
    assert paths.path_of(1, None) is None
    new = tree / "new.service"
    new.mkdir()
    assert paths.path_of(inode(new), None) is None
    clock.now += REST * 2
    assert paths.path_of(inode(new), None) == "/new.service"


def test_one_that_is_gone_is_looked_for_once(tree: Path, looks: list[Clock]) -> None:
    paths = CgroupPaths(Mount(str(tree)), looks[0])
    for _ in range(3):
        assert paths.path_of(1, None) is None
        looks[0].now += 1000
    assert len(looks) == 2


def test_without_a_hierarchy_nothing_is_known() -> None:
    assert CgroupPaths(None).path_of(1, "/") is None
    assert not CgroupPaths(None).is_at(1, "/")


def test_part_of_the_hierarchy_is_mounted_in_a_container(tree: Path) -> None:
    paths = CgroupPaths(Mount(str(tree), "/docker/abc"))
    service = inode(tree / "system.slice/nginx.service")
    assert paths.path_of(service, None) == "/docker/abc/system.slice/nginx.service"
    assert paths.is_at(service, "/docker/abc/system.slice/nginx.service")
    assert not paths.is_at(service, "/system.slice/nginx.service")
    assert paths.path_of(inode(tree), None) == "/docker/abc"


@pytest.mark.parametrize(
    ("line", "mount"),
    [
        ("26 24 0:23 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", Mount("/sys/fs/cgroup")),
        ("26 24 0:23 /.. /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw", Mount("/sys/fs/cgroup", "/..")),
        ("26 24 0:23 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids", None),
        ("26 24 0:23 / /cgroup2 rw - ext4 /dev/sda1 rw", None),
    ],
)
def test_where_it_is_mounted(line: str, mount: Mount | None) -> None:
    assert unified_mount(f"21 1 8:1 / / rw - ext4 /dev/sda1 rw\n{line}\n") == mount


def test_no_more_folders_than_the_bound(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup_paths, "MOST_FOLDERS", 2)
    assert CgroupPaths(Mount(str(tree))).path_of(inode(tree / "system.slice/nginx.service"), None) is None
