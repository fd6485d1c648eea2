"""Whose a process is: its cgroup's owner, with the names that can be read."""

import time
from pathlib import Path
from typing import TypeVar

from listenwatch.linux.cgroup_owner import NOBODY, Owner, owner_of_file, owner_of_path, unified_path
from listenwatch.linux.cgroup_paths import CgroupPaths, unified_mount
from listenwatch.linux.container_names import with_names

_MOST = 10_000
_KEPT = 1.0  # seconds: a process may move, and its number be another's
_PROC = Path("/proc")
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def owner_of_process(pid: int) -> Owner:
    """Whose a process is now; OSError if it has ended."""
    return with_names(owner_of_file(_cgroups(pid)))


class CallOwners:
    """Whose a call was, by the id of the caller's cgroup: the process may have ended since, and its number be another's.

    Not looked up again for the next call from the same cgroup, so that a container that was renamed keeps its old name.
    """

    def __init__(self) -> None:
        mountinfo = (_PROC / "self/mountinfo").read_text(errors="surrogateescape")
        self._paths = CgroupPaths(unified_mount(mountinfo))
        self._is_unified = all(line.startswith("0::") for line in _cgroups("self").splitlines())
        self._by_cgroup: dict[int, Owner] = {}
        self._by_process: dict[tuple[int, int], tuple[float, Owner]] = {}

    def of(self, cgroup: int, pid: int) -> Owner:
        """The owner of a cgroup; NOBODY where it is not known, or is nobody's."""
        owner = self._by_cgroup.get(cgroup) or self._of_cgroup(cgroup, pid)
        if owner is NOBODY and not self._is_unified:  # a container may be in the hierarchies of v1 only
            kept, owner = self._by_process.get((cgroup, pid), (0.0, NOBODY))
            if kept < (now := time.monotonic()):
                owner = self._of_process(cgroup, pid)
                _keep(self._by_process, (cgroup, pid), (now + _KEPT, owner))
        return owner

    def _of_cgroup(self, cgroup: int, pid: int) -> Owner:
        path = self._paths.path_of(cgroup, unified_path(_cgroups_or_none(pid)))
        if path is None:  # perhaps it is there the next time
            return NOBODY
        return _keep(self._by_cgroup, cgroup, with_names(owner_of_path(path)))

    def _of_process(self, cgroup: int, pid: int) -> Owner:
        """By the hierarchies of v1, if the process is in that cgroup still."""
        text = _cgroups_or_none(pid)
        path = unified_path(text)
        if path is not None and self._paths.mount and not self._paths.is_at(cgroup, path):
            return NOBODY
        return with_names(owner_of_file(text))


def _keep(kept: dict[_Key, _Value], key: _Key, value: _Value) -> _Value:
    """Remember it, and forget all else before it is too much."""
    if len(kept) >= _MOST:
        kept.clear()
    kept[key] = value
    return value


def _cgroups(pid: int | str) -> str:
    return (_PROC / str(pid) / "cgroup").read_bytes().decode("utf-8", "surrogateescape")


def _cgroups_or_none(pid: int) -> str:
    try:
        return _cgroups(pid)
    except OSError:
        return ""
