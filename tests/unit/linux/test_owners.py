"""Whose a call was: by the cgroup's id, where the process may be gone, and by its file only where it is there still."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from listenwatch.linux import owners
from listenwatch.linux.cgroup_owner import NOBODY, Container, Owner
from listenwatch.linux.owners import CallOwners, owner_of_process

ID = 64 * "a"
DOCKER = Owner(container=Container("docker", ID))
GONE = 4242


class Machine:
    """Folders that stand for /proc and for a hierarchy of v2, which are looked at in place of this machine's."""

    def __init__(self, root: Path) -> None:
        self.proc, self.mount = root / "proc", root / "cgroup"
        self.mount.mkdir(parents=True)
        self.process("self", "0::/\n")
        mounts = f"26 24 0:23 / {self.mount} rw - cgroup2 cgroup2 rw\n"
        (self.proc / "self/mountinfo").write_text(mounts)

    def process(self, pid: int | str, cgroup: str) -> None:
        (self.proc / str(pid)).mkdir(parents=True, exist_ok=True)
        (self.proc / str(pid) / "cgroup").write_text(cgroup)

    def cgroup(self, path: str) -> int:
        folder = self.mount / path.lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        return folder.stat().st_ino


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(owners, "_PROC", tmp_path / "proc")
    return Machine(tmp_path)


def test_a_process_that_ended_is_named_by_its_cgroup(machine: Machine) -> None:
    cgroup = machine.cgroup("/system.slice/nginx.service")
    assert CallOwners().of(cgroup, GONE) == Owner("nginx.service")


def test_the_number_of_one_that_ended_may_be_anothers(machine: Machine) -> None:
    cgroup = machine.cgroup("/system.slice/nginx.service")
    machine.cgroup("/system.slice/other.service")
    machine.process(7, "0::/system.slice/other.service\n")
    assert CallOwners().of(cgroup, 7) == Owner("nginx.service")


def test_a_cgroup_is_known_when_it_is_gone(machine: Machine) -> None:
    calls = CallOwners()
    cgroup = machine.cgroup("/system.slice/short.service")
    assert calls.of(cgroup, GONE) == Owner("short.service")
    (machine.mount / "system.slice/short.service").rmdir()
    assert calls.of(cgroup, GONE) == Owner("short.service")


def test_one_that_was_never_seen_is_nobodys(machine: Machine) -> None:
    machine.process(7, "0::/system.slice/nginx.service (deleted)\n")
    assert CallOwners().of(1, 7) == NOBODY
    assert CallOwners().of(1, GONE) == NOBODY


def test_a_container_in_the_hierarchies_of_v1_only(machine: Machine) -> None:
    machine.process("self", "4:pids:/\n0::/\n")
    machine.process(7, f"4:pids:/docker/{ID}\n0::/\n")
    calls, root = CallOwners(), machine.cgroup("/")
    assert calls.of(root, 7) == DOCKER
    assert calls.of(root, GONE) == NOBODY
    assert calls.of(root + 1000, 7) == NOBODY  # not the process that made the call


def test_what_a_file_of_v1_says_holds_for_a_second(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.process("self", "4:pids:/\n0::/\n")
    machine.process(7, f"4:pids:/docker/{ID}\n0::/\n")
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    calls, root = CallOwners(), machine.cgroup("/")
    assert calls.of(root, 7) == DOCKER
    machine.process(7, "4:pids:/\n0::/\n")
    assert calls.of(root, 7) == DOCKER
    now[0] += 1.1
    assert calls.of(root, 7) == NOBODY


def test_v1_without_a_hierarchy_of_v2(machine: Machine) -> None:
    (machine.proc / "self/mountinfo").write_text("26 24 0:23 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n")
    machine.process("self", "4:pids:/\n")
    machine.process(7, f"4:pids:/docker/{ID}\n")
    assert CallOwners().of(1, 7) == DOCKER


def test_memory_is_bounded(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "_MOST", 3)
    calls = CallOwners()
    for number in range(10):
        name = f"n{number}.service"
        assert calls.of(machine.cgroup(f"/{name}"), GONE) == Owner(name)
        calls._paths._look_at = 0.0
    assert len(calls._by_cgroup) <= 3


def test_this_process_has_an_owner_or_none() -> None:
    assert isinstance(owner_of_process(os.getpid()), Owner)
    with pytest.raises(OSError):
        owner_of_process(2**31 - 2)
