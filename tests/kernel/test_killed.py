"""SIGKILL, which no program can answer: its children end with it."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests import ROOT
from tests.helpers.watching import LISTENWATCH, PATIENCE, needs_kernel

pytestmark = pytest.mark.kernel


def test_a_matrix_that_is_killed_leaves_no_verify(tmp_path: Path) -> None:
    needs_kernel()
    command = [*LISTENWATCH, "matrix", "--kernels", "", "--generate", "100000", "-o", str(tmp_path)]
    matrix = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        while len(children := psutil.Process(matrix.pid).children(recursive=True)) < 2:  # verify, and its own
            assert matrix.poll() is None
            time.sleep(0.05)
        matrix.send_signal(signal.SIGKILL)
        matrix.wait()
        assert not psutil.wait_procs(children, PATIENCE)[1]
    finally:
        matrix.kill()
        for child in children:
            if child.is_running():
                child.kill()
