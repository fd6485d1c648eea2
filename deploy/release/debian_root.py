"""Debian systems made by mmdebstrap from the mirror that this machine's apt uses."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from listenwatch.guests import apt


def make(suite: str, place: Path, packages: Sequence[str], *options: str) -> None:
    """Make the folder or tar file ``place``; GuestError or CalledProcessError if it fails."""
    keyring = next(iter(sorted(apt.KEYRINGS.glob("debian-archive-keyring.*"))))
    settings = apt.kept_settings(apt.output("apt-config", "dump"))
    settings.append('APT::Install-Recommends "false";')
    sources = f"deb [signed-by={keyring}] {apt.find_mirror(None).main} {suite} main"
    line = [apt.tool("mmdebstrap", "mmdebstrap"), "--quiet", "--mode=root", f"--include={','.join(packages)}",
            *(f"--aptopt={setting}" for setting in settings), *options, suite, str(place), sources]  # fmt: skip
    subprocess.run(line, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
