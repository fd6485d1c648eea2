"""A real journal of systemd, journald started by hand in a mount namespace of its own: where it is the machine's is not touched."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from listenwatch.linux import libc
from tests import ROOT
from tests.helpers.exporting import until
from tests.helpers.watching import PATIENCE, needs
from tests.require import require

JOURNALD = Path("/lib/systemd/systemd-journald")
_MACHINE = "0" * 31 + "1"
# A journal namespace (systemd-journald.service(8)) leaves the kernel's messages and its audit alone.
_INSIDE = f"""
set -eu
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
echo {_MACHINE} > /run/machine-id
mount --bind /run/machine-id /etc/machine-id
mkdir -p /run/systemd/journal.test /run/systemd/journal
mount --bind /run/systemd/journal.test /run/systemd/journal
exec {JOURNALD} test
"""


class Journal:
    """A running journald, the first process of its mount namespace; ``stream`` is connected to it, without which it ends when idle."""

    def __init__(self, pid: int, stream: socket.socket) -> None:
        self._root = Path(f"/proc/{pid}/root")
        sockets = self._root / "run/systemd/journal"
        until(lambda: True if all((sockets / name).is_socket() for name in ("socket", "stdout")) else None, "the journal")
        stream.connect(str(sockets / "stdout"))

    def enter(self) -> None:
        """Have this process see it in the usual place."""
        with (self._root.parent / "ns/mnt").open() as namespace:
            libc.setns(namespace.fileno(), libc.CLONE_NEWNS)
        os.chdir(ROOT)

    def entries(self, *matches: str) -> list[dict[str, Any]] | None:
        """Those that journalctl chooses; None where there is none yet."""
        folder = f"--directory={self._root}/var/log/journal/{_MACHINE}.test"
        done = subprocess.run(
            [needs("journalctl"), folder, "--quiet", "--no-pager", "--output=json", *matches],
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        return [json.loads(line) for line in done.stdout.splitlines()] or None


@contextmanager
def journal() -> Iterator[Journal]:
    """One that ends with the test."""
    require("kernel", JOURNALD.exists(), "systemd-journald is not installed")
    command = [needs("unshare"), "--mount", "sh", "-c", _INSIDE]
    with socket.socket(socket.AF_UNIX) as stream, subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            yield Journal(server.pid, stream)
        finally:
            server.terminate()
