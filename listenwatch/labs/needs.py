"""What an exercise may need of the machine, and why it is not here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from listenwatch.engines.programs import why_not

LAB_MACHINES = (Path("/etc/listenwatch-lab"), Path("/run/listenwatch"))
"""What only the Vagrant machine (vagrant/provision.sh) and a guest (guests/script.py) have."""


def unmet(needs: Iterable[str]) -> str:
    """The first need that is not met, in words; empty if all are."""
    for need in needs:
        if reason := _missing(need):
            return reason
    return ""


def _missing(need: str) -> str:
    if need == "kprobes":
        reason = why_not("kprobe")
        return f"{reason}: use the Vagrant machine or 'listenwatch guest --lab'" if reason else ""
    if need == "lab machine":
        if any(path.exists() for path in LAB_MACHINES):
            return ""
        return "it breaks the kernel on purpose: only in the Vagrant machine or 'listenwatch guest --lab'"
    if need == "bcc":
        present = Path("/usr/lib/python3/dist-packages/bcc").is_dir()
        return "" if present else "bcc is not installed: apt install python3-bpfcc"
    if need == "headers":
        release = os.uname().release
        present = Path(f"/lib/modules/{release}/build").exists()
        return "" if present else f"no kernel headers: apt install linux-headers-{release}"
    return "" if shutil.which(need) else f"{need} is not installed: apt install {need}"
