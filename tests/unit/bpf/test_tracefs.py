"""Where the number of a tracepoint is read, and what is said where it cannot be."""

from __future__ import annotations

import os
from pathlib import Path, PosixPath

import pytest

from listenwatch.bpf import tracefs
from listenwatch.errors import ObserveError
from listenwatch.linux import privileges
from listenwatch.linux.privileges import Privilege

EVENT = "syscalls/sys_enter_listen"


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that looks like a mounted tracefs with one event, as the second place looked at."""
    root = tmp_path / "tracing"
    (root / "events" / EVENT).mkdir(parents=True)
    (root / "events" / EVENT / "id").write_text("1234\n")
    monkeypatch.setattr(tracefs, "MOUNTED", (tmp_path / "nothing", root))


@pytest.mark.usefixtures("mounted")
def test_the_id_is_read_from_the_mount() -> None:
    assert tracefs.event_id(EVENT) == 1234


@pytest.mark.usefixtures("mounted")
def test_a_missing_event_is_a_missing_file() -> None:
    with pytest.raises(FileNotFoundError):
        tracefs.event_id("syscalls/sys_enter_nothing")


def test_an_empty_mount_point_is_not_a_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/sys/kernel/tracing exists, empty, wherever tracefs is built in and not mounted."""
    monkeypatch.setattr(tracefs, "MOUNTED", (tmp_path,))
    served = tmp_path / "detached"
    (served / "events" / EVENT).mkdir(parents=True)
    (served / "events" / EVENT / "id").write_text("77\n")
    monkeypatch.setattr(tracefs, "_detached_mount", lambda: os.open(served, os.O_PATH))
    descriptors = set(Path("/proc/self/fd").iterdir())
    assert tracefs.event_id(EVENT) == 77
    with pytest.raises(FileNotFoundError):
        tracefs.event_id("syscalls/sys_enter_nothing")
    assert set(Path("/proc/self/fd").iterdir()) == descriptors


def test_without_privilege_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(tracefs, "MOUNTED", (tmp_path,))
    monkeypatch.setattr(tracefs, "_detached_mount", refuse)
    with pytest.raises(ObserveError, match=r"Operation not permitted.*run it as root.*mount -t tracefs"):
        tracefs.event_id(EVENT)


def test_a_mount_only_root_may_enter_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """/sys/kernel/debug and, since v5.10, /sys/kernel/tracing are mode 0700 once mounted."""
    monkeypatch.setattr(privileges, "own_privilege", lambda: Privilege(0, initial_user_namespace=True))

    class Closed(PosixPath):
        def is_dir(self) -> bool:
            raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(tracefs, "MOUNTED", (Closed("/sys/kernel/tracing"),))
    with pytest.raises(ObserveError, match=r"Permission denied.*run it as root.*CAP_DAC_READ_SEARCH"):
        tracefs.event_id(EVENT)
