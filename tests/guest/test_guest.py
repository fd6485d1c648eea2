"""A real guest: fetch Linux 6.1 from this machine's Debian mirror, boot it, look around."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from listenwatch.guests import GuestError, GuestKernel, boot, fetch, run
from tests import ROOT
from tests.require import require

pytestmark = pytest.mark.guest

LOOK_AROUND = r"""
set -u
cat /sys/devices/system/clocksource/clocksource0/current_clocksource >/dev/shm/clock
grep -q '^tsc$' /dev/shm/clock || echo clock
echo "release $(uname -r)"; echo "uid $(id -u)"; echo "cwd $(pwd)"
modprobe dummy && grep -q '^dummy ' /proc/modules && echo modprobe
"$2" -c 'import listenwatch, sys; print("python", *sys.version_info[:2])'
[ -s /sys/kernel/btf/vmlinux ] && echo btf
echo 'p:listenwatch inet_listen' >/sys/kernel/tracing/kprobe_events && echo kprobe
ip -brief address show lo | grep -q 127.0.0.1 && echo loopback
touch /tmp/x && echo tmp; touch /new 2>/dev/null || echo root-is-read-only
echo written >from-guest; cat
echo first >/dev/stderr; printf '%s' "$1" >&2
exit 7
"""


@pytest.fixture(scope="session")
def kernel() -> GuestKernel:
    try:
        boot.check_tools()
        return fetch("6.1", progress=print)
    except GuestError as error:
        require("guest", False, str(error))
        raise


def test_a_guest_runs_a_command(kernel: GuestKernel, tmp_path: Path) -> None:
    """One boot for everything a command relies on; run as a process, for its real streams."""
    argument = 'it\'s "two\nlines"  $HOME'
    code = (
        "import sys; from pathlib import Path; from listenwatch.guests import fetch, run\n"
        "kernel = fetch('6.1', progress=lambda _: None)\n"
        "sys.exit(run(kernel, sys.argv[2:], cwd=Path(sys.argv[1]), progress=lambda _: None))"
    )
    line = [sys.executable, "-c", code, str(tmp_path), "bash", "-c", LOOK_AROUND, "bash", argument]
    done = subprocess.run(
        [*line, sys.executable], input="fed\n", capture_output=True, text=True, timeout=600,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 7, done.stderr
    assert done.stdout.splitlines() == [
        "clock", f"release {kernel.release}", "uid 0", f"cwd {tmp_path}", "modprobe",
        "python {} {}".format(*sys.version_info[:2]), "btf", "kprobe", "loopback", "tmp",
        "root-is-read-only", "fed",
    ]  # fmt: skip
    assert done.stderr == f"first\n{argument}"
    assert (tmp_path / "from-guest").read_text() == "written\n"


def test_a_panic_is_an_error_with_its_reason(kernel: GuestKernel, tmp_path: Path) -> None:
    with pytest.raises(GuestError, match="Kernel panic - not syncing: sysrq triggered crash"):
        run(kernel, ["sh", "-c", "echo c >/proc/sysrq-trigger"], cwd=tmp_path, progress=print)


def test_guest_and_host_see_what_the_other_writes_and_nothing_stays_behind(kernel: GuestKernel, tmp_path: Path) -> None:
    """While the guest runs: in the current directory nothing is kept on either side."""
    command = "echo here >from-guest; echo up; until [ -e answer ]; do sleep 0.1; done; cat answer; sleep 300"
    code = (
        "import sys; from pathlib import Path; from listenwatch.guests import fetch, run\n"
        "kernel = fetch('6.1', progress=lambda _: None)\n"
        "run(kernel, ['sh', '-c', sys.argv[2]], cwd=Path(sys.argv[1]), progress=lambda _: None)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), command], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        assert (tmp_path / "from-guest").read_text() == "here\n"
        (tmp_path / "question").write_text("there\n")
        (tmp_path / "question").rename(tmp_path / "answer")
        assert process.stdout.readline() == b"there\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert not _processes_with(f"path={tmp_path}")


def _processes_with(text: str) -> list[Path]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text in path.read_text(errors="replace"):
                found.append(path)
        except OSError:  # it ended while we looked
            continue
    return found


def test_a_guest_that_is_killed_leaves_no_machine(kernel: GuestKernel) -> None:
    """SIGKILL, which it cannot answer: QEMU ends with it. Its folder is the next one's (tests/unit/guests)."""
    command = [sys.executable, "-m", "listenwatch", "guest", "--kernel", kernel.series, "--cpus", "1", "--", "sh", "-c", "echo up; sleep 1000"]
    guest = subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert guest.stdout is not None
    assert guest.stdout.readline() == b"up\n"
    children = psutil.Process(guest.pid).children(recursive=True)
    assert any("qemu" in child.name() for child in children)
    guest.kill()
    guest.wait()
    guest.stdout.close()
    left = psutil.wait_procs(children, 60)[1]
    for child in left:
        child.kill()
    assert not left
