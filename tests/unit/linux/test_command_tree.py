"""How a command's end is told: in words, and as a status a shell would give."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from listenwatch.linux import command_tree

PROGRAM = f"""if True:
    import sys, time
    from {command_tree.__name__} import CommandTree
    tree = CommandTree(["sh", "-c", sys.argv[1]], print)
    assert tree.exit_status == 0
    while not tree.ended:
        tree.reap()
        time.sleep(0.01)
    print(tree.exit_status, tree.how_it_ended())"""
"""In a process of its own: it becomes the subreaper of its children."""


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("exit 0", "0 ended with status 0"),
        ("exit 7", "7 ended with status 7"),
        ("exit 255", "255 ended with status 255"),
        ("kill -KILL $$", "137 was ended by SIGKILL"),
        ("kill -INT $$", "130 was ended by SIGINT"),
        ("kill -TERM $$", "143 was ended by SIGTERM"),
        (f"kill -{signal.SIGRTMIN + 1} $$", f"{128 + signal.SIGRTMIN + 1} was ended by signal {signal.SIGRTMIN + 1}"),
        ("sh -c 'sleep 0.2; exit 9' & exit 3", "3 ended with status 3"),
        ("sh -c 'sleep 0.2; exit 9' & exit 0", "0 ended with status 0"),
    ],
)
def test_the_status_is_the_command_s_own(script: str, text: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, script], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (f"{text}\n", "")
