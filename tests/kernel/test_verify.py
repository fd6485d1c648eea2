"""``listenwatch verify`` on this kernel: it agrees, it can fail, and it leaves nothing behind."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

from listenwatch.engines.core import OBJECT
from listenwatch.engines.programs import KPROBE_PMU
from listenwatch.model.behaviour import Behaviour
from listenwatch.scenarios import io_uring, libc, world
from listenwatch.scenarios.kinds import IPV4
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.modules import loaded_modules
from tests.kernel.test_queues import WRONG
from tests.require import require
from tests.unit.test_ktap import results

pytestmark = pytest.mark.kernel

COMMAND = [sys.executable, "-m", "listenwatch", "verify"]


@pytest.fixture(autouse=True)
def _able() -> None:
    require("kernel", os.geteuid() == 0, "needs root")
    require("kernel", OBJECT.exists(), "the probe is not compiled")


def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=600, check=False
    )


def of_json(output: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The calls, and the summary, which is the last line."""
    *calls, last = map(json.loads, output.splitlines())
    return calls, last["summary"]


# -- it agrees


@pytest.fixture(scope="module")
def full() -> subprocess.CompletedProcess[str]:
    return verify("--json")


def test_every_scenario_agrees(full: subprocess.CompletedProcess[str]) -> None:
    assert full.returncode == 0, full.stdout[-3000:] + full.stderr
    calls, summary = of_json(full.stdout)
    assert summary["scenarios"] - len(summary["skipped"]) >= 60
    assert summary["errors"] == {}
    assert summary["lost"] == 0
    assert Counter(call["verdict"] for call in calls) == {"AGREE": summary["agree"]}


def test_the_rules_this_kernel_can_show_are_exercised(
    full: subprocess.CompletedProcess[str],
) -> None:
    _, summary = of_json(full.stdout)
    need = {"bad-descriptor", "not-a-socket", "not-supported", "wrong-socket-state", "relistens"}
    need |= {"port-taken", "no-free-port", "listens", "autobinds"}
    need |= {"unix-unbound", "unix-listens", "unix-relistens"}
    assert need <= {rule for rule, number in summary["rules"].items() if number}
    assert all(summary["backlog_rules"][rule] for rule in ("kept", "zero", "clamped", "negative"))


def test_a_skipped_scenario_says_why(full: subprocess.CompletedProcess[str]) -> None:
    _, summary = of_json(full.stdout)
    assert all(reason.startswith("needs ") for reason in summary["skipped"].values())
    kprobes = KPROBE_PMU.exists()
    assert ("compat-listen-ipv4" in summary["skipped"]) is not kprobes


def test_one_scenario_as_a_table() -> None:
    done = verify("-k", "backlog-clamped-ipv4", "--verbose")
    assert done.returncode == 0, done.stderr
    row = next(x for x in done.stdout.splitlines() if x.startswith("backlog-clamped-ipv4 "))
    assert row.split() == ["backlog-clamped-ipv4", "1", "511", "128", "128", "128", "AGREE"]
    assert "clamped by net.core.somaxconn of this network namespace" in " ".join(
        done.stdout.split()
    )


def test_ktap() -> None:
    done = verify("--ktap", "-k", "relisten")
    assert done.returncode == 0, done.stdout
    assert {word for word, *_ in results(done.stdout)} == {"ok"}
    assert ("ok", "relisten-ipv6", None, None) in results(done.stdout)


def test_an_unknown_pattern_is_a_usage_error() -> None:
    done = verify("-k", "nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no scenario matches 'nonsense'" in done.stderr


# -- it can fail: one wrong fact in the model is found

KPROBES_ONLY = "only kprobes show this; checked in the guest"

SABOTAGE = {
    "max_ack_backlog_bits=16": ("backlog-65536-ipv4", ""),
    "stored=AFTER_LISTEN_START": ("backlog-kept-ipv4", ""),
    "stored=INSIDE_LISTEN_START": ("backlog-kept-ipv4", KPROBES_ONLY),
    "ulp_without_clone_refused=false": ("ulp-espintcp-ipv4", KPROBES_ONLY),
    "ipv6_hash=flipped": ("backlog-kept-ipv6", KPROBES_ONLY),
    "mptcp_enters=flipped": ("backlog-kept-mptcp", KPROBES_ONLY),
    "unix_wrong_state_listens=flipped": ("client-bound-unix", ""),
    "port_failure_returns_0=flipped": ("reuseaddr-wildcard-ipv4", ""),
    "state_tracepoint=flipped": ("backlog-kept-ipv4", ""),
}

NOT_SHOWN_BY_A_CALL = {
    # names and inner workings 'predict' tells, which leave every number of a call as it is
    "sys_listen", "listen_start_argument", "inner_hash", "listener_tables", "wakes_lhash_wait",
    "bpf_listen_callback", "fastopen",
    # how a sysctl behaves, not listen(): its value is an input
    "somaxconn_default", "somaxconn_per_netns", "somaxconn_range", "syncookies_by_default",
    # the ways in which kernels differ need another failure than the scenarios can cause
    "get_port_errno_passed_on", "hash_error", "ipv4_hash", "mptcp_checks_socket_state",
}  # fmt: skip
"""Fields of other eras; each alone changes a prediction in tests/unit/test_model_behaviour.py."""


def flipped(change: str) -> str:
    """The change with the other value than this kernel has, where the test cannot know it before."""
    if not change.endswith("flipped"):
        return change
    from listenwatch.kernel import behaviour_of, running_kernel

    field = change.partition("=")[0]
    value = getattr(behaviour_of(running_kernel()), field)
    other = {
        "inet_hash": "inet6_hash",
        "inet6_hash": "inet_hash",
        "inet_listen": "__inet_listen_sk",
        "__inet_listen_sk": "inet_listen",
        False: "true",
        True: "false",
    }
    require("kernel", value in other, f"{field} is not known for this kernel")
    return f"{field}={other[value]}"


def test_every_field_of_the_behaviour_is_sabotaged() -> None:
    shown = {change.partition("=")[0] for change in (*SABOTAGE, *WRONG)}
    assert shown | NOT_SHOWN_BY_A_CALL == set(Behaviour._fields)
    assert not shown & NOT_SHOWN_BY_A_CALL


@pytest.mark.parametrize("change", SABOTAGE)
def test_a_wrong_fact_in_the_model_is_found(change: str) -> None:
    name, condition = SABOTAGE[change]
    require("kprobes", not condition or KPROBE_PMU.exists(), condition)
    right = verify("--json", "-k", name)
    for reason in of_json(right.stdout)[1]["skipped"].values():
        require("sabotage", False, reason)
    assert right.returncode == 0, right.stdout
    wrong = verify("--json", "-k", name, "--behaviour", flipped(change))
    assert wrong.returncode == 1, wrong.stdout
    _, summary = of_json(wrong.stdout)
    assert summary["disagree"] > 0
    assert "(changed on purpose)" in summary["behaviour"]


# -- a scenario that breaks is an error with its name, and is gone


def test_an_exception_is_told_with_its_traceback() -> None:
    def work(lab: Lab) -> None:
        lab.listener(IPV4)
        raise ValueError("broken scenario")

    report = world.run(work)
    assert "ValueError: broken scenario" in report.error
    assert "in work" in report.error
    assert len(report.issued) == 1


def test_a_crash_is_told_by_its_signal() -> None:
    report = world.run(lambda _lab: os.kill(os.getpid(), signal.SIGKILL))
    assert report.error == "its process died: SIGKILL"


def test_one_that_hangs_is_ended_with_its_children() -> None:
    marker = str(uuid.uuid4())

    def work(lab: Lab) -> None:
        lab.in_child(lambda: os.execle("/bin/sleep", "sleep", "300", {"MARKER": marker}))

    start = time.monotonic()
    report = world.run(work, time_limit=0.3)
    assert report.error == "timeout: no end after 0.3 s"
    assert time.monotonic() - start < 5
    assert not processes_with(marker)


def test_a_scenario_has_a_namespace_of_its_own() -> None:
    before = Path("/proc/sys/net/core/somaxconn").read_text()

    def work(lab: Lab) -> None:
        lab.somaxconn(77)
        lab.listen(lab.bound(IPV4, ("127.0.0.1", 80)), 5)

    assert world.run(work).ended
    assert Path("/proc/sys/net/core/somaxconn").read_text() == before


# -- nothing stays behind


def processes_with(text: str) -> list[psutil.Process]:
    """Processes with this text in their arguments or environment; one that ended is none."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if text in " ".join([*process.cmdline(), *process.environ().values()]):
                found.append(process)
    return found


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ended_half_way_it_leaves_no_process(signal_number: int) -> None:
    marker = str(uuid.uuid4())
    with subprocess.Popen(
        [*COMMAND, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "MARKER": marker},
    ) as process:
        assert process.stdout
        assert process.stdout.readline()  # it is under way
        process.send_signal(signal_number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode in (130, -signal_number)
    assert b"Traceback" not in errors
    deadline = time.monotonic() + 5  # the kernel ends the child of a killed parent by and by
    while processes_with(marker) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not processes_with(marker)


def test_it_leaves_no_file_and_no_module() -> None:
    def state() -> tuple[set[str], set[str]]:
        files = {str(p) for p in Path("/tmp").iterdir() if "tmp" in p.name or "listenw" in p.name}
        return files, loaded_modules()

    before = state()
    assert verify("-k", "unix").returncode == 0
    assert state() == before


# -- the doors themselves work here, even where the probe cannot see them


def test_io_uring_listens() -> None:
    """The ring is real: the socket listens, and a bad descriptor is refused."""
    report = world.run(io_uring.check)
    require("io_uring", not report.skip, report.skip)

    def work(_lab: Lab) -> None:
        with socket.socket() as sock:
            assert io_uring.listen(sock.fileno(), 5) == 0
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        with Path("/dev/null").open() as file:
            assert io_uring.listen(file.fileno(), 5) == errno.ENOTSOCK

    report = world.run(work)
    assert report.ended, report.error


def test_libc_gives_a_negative_backlog_to_the_kernel() -> None:
    """Unlike CPython's socket.listen, which makes it 0."""

    def work(lab: Lab) -> None:
        lab.somaxconn(33)
        sock = lab.bound(IPV4)
        assert libc.listen(sock.fileno(), -1) == 0
        stored = int.from_bytes(
            sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[28:32], "little"
        )
        assert stored == 33

    report = world.run(work)
    assert report.ended, report.error
