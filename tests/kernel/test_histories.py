"""``listenwatch verify --generate`` on this kernel: it agrees, it can fail, and it leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenwatch.bpf.package_data import is_compiled
from listenwatch.conformance.histories.check import Checker
from listenwatch.conformance.histories.generate import generate
from listenwatch.conformance.histories.operations import Op, threads
from listenwatch.features.attach import open_engine
from listenwatch.features.behaviour import behaviour_of
from listenwatch.linux.kernel import running_kernel
from listenwatch.report.runs.repro import repro
from listenwatch.verdict.compare import VerdictKind
from tests.helpers.contract import fit
from tests.helpers.histories import OPERATIONS
from tests.helpers.verifying import processes_with, verify
from tests.require import require

pytestmark = pytest.mark.kernel

NET = Path("/proc/sys/net")


@pytest.fixture(autouse=True)
def _able() -> None:
    require("kernel", os.geteuid() == 0, "needs root")
    require("kernel", is_compiled("listen"), "the probe is not compiled")


@pytest.fixture
def checker() -> Iterator[Checker]:
    with open_engine(follow=True) as engine:
        yield Checker(engine, behaviour_of(running_kernel()))


def run_script(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=60, check=False
    )


def test_five_hundred_histories_agree() -> None:
    done = verify("--generate", "500", "--seed", "7", "--json")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    summary = fit(done.stdout)[-1]["summary"]
    assert summary["histories"] == 500
    assert summary["agree"] > 1500
    assert summary["disagree"] == summary["unmodelled"] == summary["lost"] == 0
    assert summary["inconclusive"] < summary["agree"] / 100
    exercised = {rule for rule, number in summary["rules"].items() if number}
    assert {"listens", "relistens", "autobinds", "port-taken", "wrong-socket-state"} <= exercised


def test_the_same_seed_gives_the_same_answers(checker: Checker) -> None:
    """A history's outcome depends on itself, not on those that ran before it in its namespaces."""
    programs = [p for p in (generate(3, number) for number in range(120)) if not threads(p)]
    together = checker.check_all(programs)
    assert not any(history.error or history.disagrees for history in together)
    for first, program in list(zip(together, programs, strict=True))[::9]:
        (alone,) = checker.check_all([program])
        assert [j.verdict.rule for j in alone.calls] == [j.verdict.rule for j in first.calls]
        assert [j.issued and j.issued.port_free for j in alone.calls] == [
            j.issued and j.issued.port_free for j in first.calls
        ]


def test_most_ports_are_known_beforehand(checker: Checker) -> None:
    judged = [
        each
        for history in checker.check_all([generate(5, number) for number in range(300)])
        for each in history.calls
        if each.verdict.rule in ("listens", "autobinds", "port-taken", "no-free-port")
    ]
    known = [each for each in judged if each.issued and each.issued.port_free is not None]
    assert len(known) > 0.6 * len(judged)
    assert any(each.issued and each.issued.port_free is False for each in known)


@pytest.mark.parametrize(
    ("change", "most"),
    [("max_ack_backlog_bits=16", 3), ("stored=AFTER_LISTEN_START", 2)],
)
def test_a_wrong_fact_in_the_model_is_found_shrunk_and_repeated(
    change: str, most: int, tmp_path: Path
) -> None:
    script = tmp_path / "repro.py"
    done = verify(*("--generate", "300", "--json", "--behaviour", change, "--repro", str(script)))
    assert done.returncode == 1, done.stderr
    assert str(script) in done.stderr
    summary = fit(done.stdout)[-1]["summary"]
    assert summary["disagree"] > 0
    for failure in summary["failures"]:
        assert 2 <= len(failure["smallest"]) <= most, failure
        assert failure["reasons"]
    again = run_script(script)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "as recorded" in again.stdout


def test_a_script_does_what_the_history_did(checker: Checker, tmp_path: Path) -> None:
    programs = [p for p in (generate(11, number) for number in range(25)) if not threads(p)]
    for history in checker.check_all(programs):
        script = tmp_path / f"{history.number}.py"
        script.write_text(repro(history.operations, history.calls, "this"))
        done = run_script(script)
        assert done.returncode == 0, (history.operations, done.stdout, done.stderr)


def test_a_script_that_sees_something_else_says_so(checker: Checker, tmp_path: Path) -> None:
    program = (Op(0, "open_socket", 0, (2, 1, 0)), Op(0, "listen", 0, (5,)))
    (history,) = checker.check_all([program])
    script = tmp_path / "repro.py"
    script.write_text(repro(program, history.calls, "this").replace("(0, 5))", "(0, 6))"))
    done = run_script(script)
    assert done.returncode == 1
    assert "recorded (0, 6)" in done.stdout


def test_threads_that_share_a_listener_are_all_seen(checker: Checker) -> None:
    setup = (Op(0, "open_socket", 0, (2, 1, 0)), Op(0, "listen", 0, (9,)))
    shared = tuple(Op(thread, "listen", 0, (9,)) for thread in (1, 2, 3) for _ in range(20))
    for history in checker.check_all([setup + shared] * 20):
        assert not history.error
        assert len(history.calls) == 61
        assert {j.verdict.kind for j in history.calls} <= {VerdictKind.AGREE, VerdictKind.INCONCLUSIVE}


def test_a_history_that_breaks_is_told_and_the_rest_of_its_batch_too(checker: Checker) -> None:
    broken = (Op(0, "nonsense", 0),)
    fine = (Op(0, "open_socket", 0, (2, 1, 0)), Op(0, "listen", 0, (5,)))
    first, second, third = checker.check_all([fine, broken, fine])
    assert [j.verdict.kind for j in first.calls] == [VerdictKind.AGREE]
    assert "nonsense" in second.error
    assert third.error.startswith("not run")


COUNT = """
from collections import Counter
from listenwatch.conformance.histories import run
from listenwatch.conformance.histories.generate import generate
done = Counter()
do = run._History._do
def count(self, op, arguments):
    worked = do(self, op, arguments)
    done[op.call] += worked
    return worked
run._History._do = count
class Journal:
    def issued(self, call): pass
runner = run.Runner(Journal())
for number in range(200):
    runner.run(number, number, generate(1, number))
print(*(call for call, times in done.items() if times))
"""


def test_every_operation_works_at_times() -> None:
    """An operation that always failed would be taken as it comes, and nobody would see."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT], capture_output=True, text=True, timeout=60, check=True
    )
    assert set(done.stdout.split()) == OPERATIONS - {"listen"}


def test_bad_arguments() -> None:
    for wrong in (
        ("--generate", "0"),
        ("--generate", "5", "-k", "x"),
        ("--generate", "5", "--ktap"),
    ):
        assert verify(*wrong).returncode == 2


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ended_half_way_it_leaves_nothing(signal_number: int) -> None:
    somaxconn = (NET / "core/somaxconn").read_text()
    marker = str(uuid.uuid4())
    with subprocess.Popen(
        [sys.executable, "-m", "listenwatch", "verify", "--generate", "100000", "--json", "-v"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "MARKER": marker},
        bufsize=0,  # what readline() reads ahead, communicate() would miss
    ) as process:
        assert process.stdout
        assert process.stdout.readline()
        process.send_signal(signal_number)
        printed, errors = process.communicate(timeout=30)
    assert process.returncode in (130, -signal_number)
    assert b"Traceback" not in errors
    if signal_number == signal.SIGINT:
        summary = fit(printed.decode())[-1]["summary"]
        assert (summary["histories"] + summary["not_run"], summary["lost"]) == (100000, 0)
    deadline = time.monotonic() + 5
    while processes_with(marker) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not processes_with(marker)
    assert (NET / "core/somaxconn").read_text() == somaxconn
