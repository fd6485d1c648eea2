"""A real systemd, the first process of a container: what it changes of the Debian that it starts is gone with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.helpers.exporting import until
from tests.helpers.podman import LIMITS, podman
from tests.helpers.roots import systemd_base
from tests.helpers.watching import needs

_STARTED = "case $(systemctl is-system-running) in running|degraded) echo yes;; esac"


class System(NamedTuple):
    """A container by its name, and its first process."""

    name: str
    pid: int

    def run(self, line: str) -> str:
        """Run a line of a shell in it, in /srv; its output."""
        return podman("exec", "--workdir=/srv", self.name, "sh", "-c", line)


@contextmanager
def systemd(*files: Path) -> Iterator[System]:
    """One without a network that has started, with these files in /srv."""
    needs("runc")
    name = f"lw-systemd-{os.getpid()}"
    given = [f"--volume={file}:/srv/{file.name}:ro" for file in files]
    kind = ("--systemd=always", "--privileged", "--network=none", *LIMITS, *given)
    try:
        podman("run", "--detach", "--name", name, *kind, "--rootfs", f"{systemd_base()}:O", "/sbin/init")
        system = System(name, int(podman("inspect", "--format", "{{.State.Pid}}", name)))
        until(lambda: system.run(_STARTED) or None, "systemd")
        yield system
    finally:
        podman("rm", "--force", "--ignore", "--time=0", name)
