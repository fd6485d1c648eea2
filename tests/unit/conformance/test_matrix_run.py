"""Running a matrix with commands that stand in for guests: what they print is taken as it is, and what they do not is told."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from listenwatch import cli, guests
from listenwatch.conformance.matrix.plan import _LISTENWATCH, Job, Wanted, plan
from listenwatch.conformance.matrix.progress import LINES_EVERY, MatrixProgress
from listenwatch.conformance.matrix.results import GUEST, HERE, KernelRun, Matrix
from listenwatch.conformance.matrix.run import run
from listenwatch.conformance.matrix.running import RunningJob
from listenwatch.errors import UsageError
from listenwatch.guests import GuestKernel, KernelOffer
from listenwatch.guests.architectures import own
from listenwatch.linux.progress import Progress
from tests.helpers.matrices import bad, call, gone, good, kernel, matrix, summary


def job(tmp_path: Path, *printed: Any, then: str = "", series: str = "7.3") -> Job:
    """A command that prints these lines and then does something in Python."""
    lines = tmp_path / f"{series}.jsonl"
    lines.write_text("".join(f"{json.dumps(line)}\n" for line in printed))
    code = f"import os, sys, time; print(open({str(lines)!r}).read(), end='', flush=True); {then}"
    return Job(series, GUEST, (sys.executable, "-c", code))


def collect(*jobs: Job, timeout: float = 60) -> list[KernelRun]:
    finished: list[KernelRun] = []
    progress = MatrixProgress(Progress(io.StringIO()), jobs, ())
    run(jobs, at_once=2, timeout=timeout, show=progress.show, finished=finished)
    return sorted(finished, key=lambda kernel: kernel.series)


def test_everything_printed_is_taken_in(tmp_path: Path) -> None:
    lines = [call(), call("backlog-kept-ipv6"), call("backlog-kept-ipv6")]
    (seen,) = collect(job(tmp_path, *lines, summary(*lines)))
    assert (seen.problem, seen.lines, seen.version) == ("", [*lines, summary(*lines)], "7.3.4")
    (run_,) = seen.scenario_runs
    assert {result.scenario: len(result.calls) for result in run_.results} == {
        "backlog-kept-ipv4": 1,
        "backlog-kept-ipv6": 2,
    }
    assert matrix(seen).status() == 0


FAILURES = {
    "the guest did not boot": (
        [], "sys.stderr.write('listenwatch: booting\\nlistenwatch: the guest did not boot; its console ended:\\n  panic\\n'); sys.exit(3)",
    ),
    "exit status -9": ([], "os.kill(os.getpid(), 9)"),
    "verify broke off after 1 calls: the guest was lost": (
        [call()], "sys.stderr.write('listenwatch: the guest was lost\\n'); sys.exit(3)",
    ),
    "verify broke off after 1 calls: exit status 0": ([call()], ""),
    "verify broke off after 1 calls: exit status -15": ([call(), summary(call())], "os.kill(os.getpid(), 15)"),
    "its last line was cut": ([call(), summary(call())], "print('{', end='')"),
    "printed what is not a JSON object: b'nonsense'": ([call(), summary(call())], "print('nonsense')"),
    "kprobe: 1 calls came, its summary counts 2": ([call(), summary(call(), call())], ""),
    "no summary of None None": ([call(), {"stray": 1}, summary(call())], ""),
    "no summary of core tracepoint": ([call(), call(mode="tracepoint"), summary(call())], ""),
}  # fmt: skip


@pytest.mark.parametrize("told", FAILURES)
def test_a_run_that_is_not_whole_has_a_problem(told: str, tmp_path: Path) -> None:
    printed, then = FAILURES[told]
    (seen,) = collect(job(tmp_path, *printed, then=then))
    assert seen.problem.startswith(told)
    assert seen.runs == ()
    assert matrix(good(), seen).status() == 3


def test_one_that_does_not_end_is_ended(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    hangs = job(tmp_path, call(), then=f"open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    (seen,) = collect(hangs, timeout=2)
    assert seen.problem == "no end within 2 s: give it more time with --timeout"
    assert len(seen.lines) == 1
    assert not Path(f"/proc/{pid.read_text()}").exists()


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    missing = Job("6.1", GUEST, (str(tmp_path / "none"),))
    seen = collect(missing, job(tmp_path, call(), summary(call())))
    assert [run_.problem for run_ in seen] == ["cannot be started: No such file or directory", ""]


def test_an_interrupt_ends_what_runs(tmp_path: Path) -> None:
    jobs = [job(tmp_path, then="time.sleep(600)", series=series) for series in ("5.10", "6.1", "7.3")]
    pids: list[int] = []

    def interrupt(running: Any, _finished: Any) -> None:
        pids.extend(child._process.pid for child in running)
        raise KeyboardInterrupt

    finished: list[KernelRun] = []
    with pytest.raises(KeyboardInterrupt):
        run(jobs, at_once=2, timeout=60, show=interrupt, finished=finished)
    assert len(pids) == 2, "two at a time"
    assert [(kernel.name, kernel.problem) for kernel in finished] == [
        ("5.10", "interrupted"), ("6.1", "interrupted"), ("7.3", "interrupted before it began"),
    ]  # fmt: skip
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


# -- what it comes to


@pytest.mark.parametrize(
    ("kernels", "status"),
    [
        ((good(),), 0),
        ((good(), bad()), 1),
        ((good(), gone()), 3),
        ((bad(), gone()), 1),
        ((good(), kernel("6.1", call(), summary(call(), lost=1))), 4),
        ((good(), kernel("6.1", call(), summary(call(), errors={"x": "ValueError"}))), 4),
        ((good(), kernel("6.1", summary())), 4),
        ((), 4),
        ((good(), kernel("6.1", call(wrong=True), problem="the guest was lost")), 1),
    ],
)
def test_exit_status(kernels: tuple[KernelRun, ...], status: int) -> None:
    assert Matrix(kernels, "", 0.0).status() == status


def test_a_line_is_printed_as_each_kernel_ends(capsys: pytest.CaptureFixture[str]) -> None:
    progress = MatrixProgress(Progress(io.StringIO()), (), ())
    progress.show([], [gone(problem="no \x1b[2J room\nmore")])
    progress.show([], [gone(), good()])
    assert capsys.readouterr().err.splitlines() == [
        "5.10:   12 s  NOT OBSERVED: no \\x1b[2J room",
        "7.3:   12 s  kprobe 1 agree, 0 disagree",
    ]


def test_where_there_is_no_terminal_what_runs_is_said_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr("listenwatch.conformance.matrix.progress.time.monotonic", lambda: now[0])
    names = ("backlog-kept-ipv4", "backlog-kept-ipv6", "relisten-ipv4")
    booting = RunningJob(job(tmp_path, then="sys.stderr.write('listenwatch: booting\x1b\\n'); sys.stderr.flush(); time.sleep(60)"))
    scenarios = RunningJob(job(tmp_path, call(), call(names[1]), then="time.sleep(60)", series="6.1"))
    try:
        while len(scenarios.printed) < 2 or not booting.last_message():
            scenarios.read()
        progress = MatrixProgress(Progress(io.StringIO()), (), names)
        for now[0] in (1, LINES_EVERY - 1, LINES_EVERY, LINES_EVERY + 1):
            progress.show([booting, scenarios], [])
        monkeypatch.undo()
        MatrixProgress(Progress(io.StringIO(), quiet=True), (), names).show([], [good()])
    finally:
        booting.close()
        scenarios.close()
    first, second = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"7\.3: +-?\d+ s  booting\\x1b", first)
    assert re.fullmatch(r"6\.1: +-?\d+ s  scenario 2 of 3: backlog-kept-ipv6", second)


# -- what is run


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the mirror offers is 5.10, 6.1, 6.12, and the cache has 6.6; each time the mirror is asked is noted here."""
    asked: list[str] = []

    def available(mirror: str | None, _progress: object, architecture: object) -> list[KernelOffer]:
        asked.append(str(mirror))
        return [
            KernelOffer(series=series, version=series, suite="s", package="p", cached=False)
            for series in ("5.10", "6.1", "6.6", "6.12")
        ]

    cached = GuestKernel(
        series="6.6", version="6.6", suite="s", package="p", release="6.6", directory=Path(), image=Path()
    )
    monkeypatch.setattr(guests, "available", available)
    monkeypatch.setattr("listenwatch.conformance.matrix.plan.cached_kernels", lambda architecture: [cached] if architecture.is_own else [])
    return asked


def test_a_kernel_there_is_not_is_refused_before_anything_starts(
    offered: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("listenwatch.commands.matrix.run_jobs", lambda *_, **__: pytest.fail("started"))
    output = tmp_path / "reports"
    assert cli.main(["matrix", "--kernels", "6.1,9.9", "-o", str(output)]) == 2
    assert capsys.readouterr() == (
        "", f"listenwatch: --kernels: there is no kernel 9.9 for {own().name}: choose from 5.10, 6.1, 6.6, 6.12\n",
    )  # fmt: skip
    assert not output.exists()
    assert offered == ["None"]


def test_what_the_cache_has_needs_no_mirror(offered: list[str]) -> None:
    assert [run_.series for run_ in plan(Wanted(kernels="6.6", host=False))] == ["6.6"]
    assert not offered


def test_every_series_the_probe_can_watch_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    offers = [
        KernelOffer(series=series, version=series, suite="s", package="p", cached=False)
        for series in ("4.19", "5.10", "6.1", "6.1", "7.3")
    ]
    monkeypatch.setattr(guests, "available", lambda mirror, progress, architecture: offers)
    jobs = plan(Wanted())
    assert [run_.series for run_ in jobs[:-1]] == ["5.10", "6.1", "7.3"]
    assert [run_.source for run_ in jobs] == [GUEST, GUEST, GUEST, HERE]


@pytest.mark.usefixtures("offered")
def test_the_commands() -> None:
    guest, here = plan(Wanted(kernels="6.1", pattern="a b", accel="tcg", mirror="file:/m"))
    verify = (*_LISTENWATCH, "verify", "--quiet", "--json", "--attach", "all", "-k", "a b")
    assert here.command == verify
    assert guest.command == (
        *_LISTENWATCH, "guest", "--kernel", "6.1", "--cpus", "1",
        "--accel", "tcg", "--mirror", "file:/m", "--", *verify,
    )  # fmt: skip
    (only,) = plan(Wanted(kernels="6.1", host=False, generate=10, seed=3))
    assert only.command[-4:] == ("--generate", "10", "--seed", "3")


@pytest.mark.usefixtures("offered")
def test_kernels_are_named_by_series_the_oldest_first() -> None:
    jobs = plan(Wanted(kernels="6.12,5.10,6.1,6.1", host=False))
    assert [run_.series for run_ in jobs] == ["5.10", "6.1", "6.12"]
    with pytest.raises(UsageError, match=r"'six' is not a series: .* such as 6\.1"):
        plan(Wanted(kernels="six"))
    with pytest.raises(UsageError, match="no kernel to run on"):
        plan(Wanted(kernels="", host=False))


@pytest.mark.usefixtures("offered")
def test_a_kernel_of_another_architecture_is_named_with_it_and_runs_a_listenwatch_of_its_own() -> None:
    other = "amd64" if own().name == "arm64" else "arm64"
    *ours, guest = plan(Wanted(kernels=f"{other}:6.1,{own().name}:6.12,6.1", host=False))
    assert [job.name for job in ours] == ["6.1", "6.12"]
    assert (guest.name, guest.series, guest.source) == (f"{other}:6.1", "6.1", GUEST)
    assert guest.command[4:10] == ("listenwatch", "guest", "--arch", other, "--kernel", "6.1")
    assert guest.command[guest.command.index("--") + 1 :][:2] == ("listenwatch", "verify")
    assert [job.name for job in plan(Wanted(kernels=f"{other}:all", host=False))] == [
        f"{other}:{series}" for series in ("5.10", "6.1", "6.6", "6.12")
    ]
    with pytest.raises(UsageError, match=r"no guest has the architecture 'vax': give amd64, arm64, riscv64"):
        plan(Wanted(kernels="vax:6.1"))
