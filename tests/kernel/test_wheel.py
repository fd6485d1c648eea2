"""The installed wheel at work on this kernel: it attaches its own probe, and marks an exercise of its own."""

from __future__ import annotations

import sys

import pytest

from tests.helpers.contract import fit
from tests.helpers.watching import needs_kernel
from tests.helpers.wheel import Installed, install

pytestmark = pytest.mark.kernel

LISTENS = "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(7)"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    needs_kernel()
    return install(tmp_path_factory.mktemp("wheel"))


def test_it_watches_a_command(installed: Installed) -> None:
    nothing = installed.run("watch", "--", "true")
    assert nothing.returncode == 0, nothing.stderr
    assert "no listen() call of the command was seen" in nothing.stderr
    done = installed.run("watch", "--json", "--", sys.executable, "-S", "-c", LISTENS)
    assert done.returncode == 0, done.stderr
    call, summary = fit(done.stdout)
    assert (call["asked"], call["verdict"]) == (7, "AGREE")
    assert summary["summary"]["agree"] == 1


def test_it_marks_an_exercise(installed: Installed) -> None:
    solution = installed.package / "labs/exercises/01-first-look/solution.py"
    done = installed.run("lab", "check", "1", str(solution))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "01-first-look: passed, 7 of 7 points" in done.stdout


def test_it_verifies_and_counts_refusals(installed: Installed) -> None:
    assert installed.run("verify", "-k", "clamp").returncode == 0
    assert installed.run("overflow", "--duration", "0.5", "--json").returncode == 0
