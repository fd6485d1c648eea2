"""The shell for the exercises of ``listenwatch lab`` in a guest."""

import atexit
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from listenwatch.linux import libc

GREETING = """\
The lab, on Linux $(uname -r) with kprobes. What you write here is kept; 'exit' ends it.
  listenwatch lab list       the exercises
  listenwatch lab start 1    the first task
"""


def lab_command(command: Sequence[str]) -> list[str]:
    """``command``, or a shell, with listenwatch on its path and its progress in this directory."""
    here = Path.cwd()
    path = f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"
    settings = [f"PATH={path}", f"XDG_STATE_HOME={here / '.lab'}"]
    if not command:
        if sys.stdin.isatty():
            _copy_terminal()
        command = ["bash", "-c", f'echo "{GREETING}"; PS1="lab# " exec bash --norc --noprofile -i']
    return ["env", *settings, *command]


def _copy_terminal() -> None:
    """Our input line by line through a pipe from now on: a guest has no terminal to offer."""
    read, write = os.pipe()
    process = subprocess.Popen(["cat"], stdout=write, preexec_fn=libc.die_with_parent)
    os.dup2(read, 0)
    os.close(read)
    os.close(write)
    atexit.register(_end, process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the copying process, which may still wait for a line."""
    process.terminate()
    process.wait()
