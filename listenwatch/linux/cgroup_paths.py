"""From the id of a cgroup, as a probe reads it in the kernel, to its path: also where no process is left to ask.

The id is that of bpf_get_current_cgroup_id(): of the v2 hierarchy, where it is the inode number of the cgroup's folder
(kernfs, v5.5; before that its lower 32 bits). The kernel does not give a number away twice.
"""

import contextlib
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

MOST_FOLDERS = 50_000
"""A machine with more cgroups has some that are not found by a look at all of them."""
REST = 10
"""After a look at the whole hierarchy none for so many times as long as it took: cgroups come and go by the thousand."""


class Mount(NamedTuple):
    """Where a hierarchy is mounted, and the path of the cgroup there, as our cgroup namespace has it (proc(5), mountinfo)."""

    folder: str
    root: str = ""


def unified_mount(mountinfo: str) -> Mount | None:
    """Where the cgroup v2 hierarchy is mounted; None if it is not."""
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        if fields[fields.index("-") + 1] == "cgroup2":
            return Mount(fields[4], fields[3].rstrip("/"))
    return None


class CgroupPaths:
    """The folders of the hierarchy by id. ``mount`` None: there is none, and every path is unknown."""

    def __init__(self, mount: Mount | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.mount, self._clock = mount, clock
        self._paths: dict[int, str] = {}
        self._gone: set[int] = set()
        self._look_at = -math.inf

    def path_of(self, cgroup: int, likely: str | None) -> str | None:
        """Its path as /proc/PID/cgroup has it; ``likely`` is looked at first. None: it is not there (any more)."""
        if self.mount is None:
            return None
        if likely is not None and self.is_at(cgroup, likely):
            return likely
        if cgroup not in self._paths and cgroup not in self._gone and self._clock() >= self._look_at:
            started = self._clock()
            self._paths = _look(self.mount)
            self._look_at = self._clock() + REST * (self._clock() - started)
            if cgroup not in self._paths:
                self._is_gone(cgroup)
        return self._paths.get(cgroup)

    def _is_gone(self, cgroup: int) -> None:
        """It is not looked for again: its call was made there, so it was there, and no number comes a second time."""
        if len(self._gone) >= MOST_FOLDERS:
            self._gone.clear()
        self._gone.add(cgroup)

    def is_at(self, cgroup: int, path: str) -> bool:
        """Whether the cgroup of that path has this id."""
        if self.mount and path.startswith(self.mount.root):
            with contextlib.suppress(OSError, ValueError):
                inode = os.stat(self.mount.folder + path[len(self.mount.root) :]).st_ino  # noqa: PTH116  for each call
                return inode in (cgroup, cgroup & 0xFFFF_FFFF)
        return False


def _look(mount: Mount) -> dict[int, str]:
    """Every cgroup there is, level by level, up to MOST_FOLDERS."""
    paths: dict[int, str] = {}
    with contextlib.suppress(OSError):
        paths[Path(mount.folder).stat().st_ino] = mount.root or "/"
    level = [""]
    while level and len(paths) < MOST_FOLDERS:
        below = []
        for parent in level:
            with contextlib.suppress(OSError), os.scandir(mount.folder + parent) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        below.append(f"{parent}/{entry.name}")
                        paths[entry.inode()] = mount.root + below[-1]
        level = below
    return paths
