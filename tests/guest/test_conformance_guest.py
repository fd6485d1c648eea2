"""The standalone program in guests: under the probes, which must say the same, and as /init of a machine with nothing else."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from listenwatch.conformance.standalone.build import build
from listenwatch.guests import fetch
from tests import ROOT
from tests.helpers.answers import asked_in_guest, disagreeing, judged
from tests.helpers.guest import needs_guest
from tests.helpers.watching import needs
from tests.require import require

pytestmark = pytest.mark.guest


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_guest("6.1")
    needs("ld.lld")


def test_it_answers_what_the_probes_say(tmp_path: Path) -> None:
    """With kprobes and every stage seen; judged here as the guest's kernel."""
    (program,) = build(tmp_path, (os.uname().machine,))
    data, calls = asked_in_guest(tmp_path, program, [sys.executable, "-m", "listenwatch"])
    assert calls > 250
    judgement = judged(data, None)
    assert judgement.stack.name.startswith("Linux 6.1.")
    assert disagreeing(judgement) == []
    assert judgement.summary.agree > 290


@pytest.mark.parametrize("name", ["x86_64", "i386"])
def test_it_runs_as_init(name: str, tmp_path: Path) -> None:
    """No file but itself and the console; the machine is off when it has ended."""
    require("x86_64", os.uname().machine == "x86_64", "a kernel of x86 as this machine's")
    emulator = shutil.which("qemu-system-x86_64")
    require("guest", emulator is not None, "qemu-system-x86_64 is not installed")
    (program,) = build(tmp_path, (name,))
    (tmp_path / "initramfs").write_bytes(gzip.compress(archive(program.read_bytes())))
    kernel = fetch("6.1", progress=print)
    done = subprocess.run(
        [
            str(emulator), "-nographic", "-no-reboot", "-m", "512", "-kernel", str(kernel.image),
            "-initrd", str(tmp_path / "initramfs"), "-append", "console=ttyS0 quiet panic=-1",
        ],
        capture_output=True, stdin=subprocess.DEVNULL, timeout=600, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    judgement = judged(done.stdout, None)
    assert judgement.answers.header.namespace == "initial"
    assert disagreeing(judgement) == []
    assert judgement.summary.agree > 280


def archive(init: bytes) -> bytes:
    """An initramfs (cpio, newc): /dev, /dev/console, /init."""
    entries = [
        entry("dev", 0o40755), entry("dev/console", 0o20600, device=(5, 1)), entry("init", 0o100755, init),
        entry("TRAILER!!!", 0),
    ]  # fmt: skip
    return b"".join(entries)


def entry(name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    path = name.encode() + b"\0"
    numbers = (0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + path
    return padded(head) + padded(data)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
