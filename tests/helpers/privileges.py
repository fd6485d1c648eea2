"""Command lines that run a command with fewer privileges than ours."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache

from tests import ROOT
from tests.require import require

ENVIRONMENT = (f"PYTHONPATH={ROOT}:{sysconfig.get_path('purelib')}", "PYTHONDONTWRITEBYTECODE=1")
"""With which any Python of this version finds listenwatch and what it imports."""
_CANDIDATES = (sys.executable, "/usr/bin/python3")
"""Our own Python may lie where nobody else may go."""


def as_nobody(capabilities: Iterable[str], command: list[str]) -> list[str]:
    """The command line that runs another with these alone."""
    held = ",".join(["-all", *(f"+{name.removeprefix('CAP_').lower()}" for name in capabilities)])
    mount = "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null"  # refused where it is mounted
    return [
        "unshare", "--mount", "sh", "-c", f'{mount}; exec "$@"', "sh",
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", f"--bounding-set={held}",
        f"--inh-caps={held}", f"--ambient-caps={held}", "--no-new-privs", "--", *command,
    ]  # fmt: skip


@cache
def python_of_nobody() -> str:
    """A Python that nobody may run, with what listenwatch imports."""
    for candidate in _CANDIDATES:
        line = as_nobody((), ["env", *ENVIRONMENT, candidate, "-m", "listenwatch", "--version"])
        if not subprocess.run(line, capture_output=True, check=False).returncode:
            return candidate
    require("kernel", False, "nobody may not run this Python")
    raise AssertionError
