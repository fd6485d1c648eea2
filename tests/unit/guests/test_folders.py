"""The folders of guests: a dead owner's is removed, and no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from listenwatch.guests.folders import PREFIX

OWNER = """\
import sys
from listenwatch.guests.folders import own_folder
with own_folder() as name:
    open(f"{name}/file", "w").close()
    print(name, flush=True)
    sys.stdin.read()
"""


def test_the_next_start_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    owners = [
        subprocess.Popen([sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(3)
    ]
    folders = [Path(owner.stdout.readline().strip()) for owner in owners if owner.stdout]
    assert all(folder.name.startswith(PREFIX) for folder in folders)
    foreign = tmp_path / "listenwatch/guest-by-another-version"
    foreign.mkdir()
    owners[0].send_signal(signal.SIGKILL)
    owners[0].communicate()
    assert all(folder.exists() for folder in folders)
    subprocess.run([sys.executable, "-c", OWNER], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment, check=True)
    assert [folder.exists() for folder in folders] == [False, True, True]
    assert foreign.exists()
    for owner in owners[1:]:
        owner.communicate()
    assert sorted(path.name for path in foreign.parent.iterdir()) == [foreign.name, "lock"]
