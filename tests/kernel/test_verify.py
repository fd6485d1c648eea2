"""``listenwatch verify`` on this kernel: it agrees, it can fail, and it leaves nothing behind."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pty
import re
import signal
import socket
import subprocess
import termios
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from listenwatch.bpf.package_data import is_compiled
from listenwatch.conformance.harness import io_uring, process
from listenwatch.conformance.harness.catalogue import all_scenarios
from listenwatch.conformance.harness.socket_kinds import IPV4
from listenwatch.conformance.harness.testbed import Testbed
from listenwatch.features.evidence import Evidence
from listenwatch.linux import libc
from listenwatch.linux.modules import loaded_modules
from listenwatch.model.behaviour import FIELDS
from tests.helpers.contract import fit
from tests.helpers.ktap import results
from tests.helpers.verifying import COMMAND, WRONG, processes_with, verify
from tests.require import require

pytestmark = pytest.mark.kernel


@pytest.fixture(autouse=True)
def _able() -> None:
    require("kernel", os.geteuid() == 0, "needs root")
    require("kernel", is_compiled("listen"), "the probe is not compiled")


def of_json(output: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The calls, and the summary, which is the last line."""
    *calls, last = fit(output)
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
    kprobes = Evidence().kprobe_pmu
    assert ("compat-listen-ipv4" in summary["skipped"]) is not kprobes


def test_one_scenario_as_a_table() -> None:
    done = verify("-k", "backlog-clamped-ipv4", "--verbose")
    assert done.returncode == 0, done.stderr
    row = next(x for x in done.stdout.splitlines() if x.startswith("backlog-clamped-ipv4 "))
    assert row.split() == ["backlog-clamped-ipv4", "1", "511", "128", "128", "128", "AGREE"]
    assert "clamped by net.core.somaxconn" in " ".join(
        done.stdout.split()
    )


def test_in_brief_it_is_a_line_for_each_group() -> None:
    done = verify("-k", "backlog-kept-ip")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "clamp  2 scenarios  2 agree"
    assert "backlog-kept" not in done.stdout and "exercised" not in done.stdout


def test_ctrl_c_prints_what_was_done_so_far() -> None:
    """On a terminal, as a person presses it."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(COMMAND, stdout=theirs, stderr=theirs, stdin=theirs, start_new_session=True,
                          preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        while not re.search(rb"scenario \d+ of ", shown):
            shown += os.read(ours, 4096)
        os.write(ours, b"\x03")
        with contextlib.suppress(OSError):  # EIO: nobody has it open any more
            while data := os.read(ours, 4096):
                shown += data
        process.wait(30)
    os.close(ours)
    assert process.returncode == 130
    report = shown.decode().partition("clamp  ")[2]
    assert re.search(r"^Interrupted: \d+ scenarios were not run\r$", report, re.MULTILINE)
    assert re.search(r"^Scenarios: (\d+) \(\1 agree, 0 disagree\)\r$", report, re.MULTILINE)
    assert " agree, 0 disagree, 0 inconclusive, 0 unmodelled, 0 lost" in report


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
    "sys_listen", "inet_listen_sk", "listen_start", "listen_start_argument", "conn_request", "inner_hash", "listener_tables", "wakes_lhash_wait",
    "bpf_listen_callback", "fastopen",
    # how a sysctl behaves, not listen(): its value is an input
    "somaxconn_default", "somaxconn_per_netns", "somaxconn_range", "syncookies_by_default",
    # counters of packets, until v4.6
    "cookies_counted_as_drops",
    # the ways in which kernels differ need another failure than the scenarios can cause
    "get_port_errno_passed_on", "hash_error", "ipv4_hash", "mptcp_checks_socket_state",
}  # fmt: skip
"""Fields of other eras; each alone changes a prediction in tests/unit/test_model_behaviour.py."""


def flipped(change: str) -> str:
    """The change with the other value than this kernel has, where the test cannot know it before."""
    if not change.endswith("flipped"):
        return change
    from listenwatch.features.behaviour import behaviour_of
    from listenwatch.linux.kernel import running_kernel

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
    assert shown | NOT_SHOWN_BY_A_CALL == set(FIELDS)
    assert not shown & NOT_SHOWN_BY_A_CALL


@pytest.mark.parametrize("change", SABOTAGE)
def test_a_wrong_fact_in_the_model_is_found(change: str) -> None:
    name, condition = SABOTAGE[change]
    require("kprobes", not condition or Evidence().kprobe_pmu is True, condition)
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
    def work(lab: Testbed) -> None:
        lab.listener(IPV4)
        raise ValueError("broken scenario")

    report = process.run(work)
    assert "ValueError: broken scenario" in report.error
    assert "in work" in report.error
    assert len(report.issued) == 1


def test_a_crash_is_told_by_its_signal() -> None:
    report = process.run(lambda _lab: os.kill(os.getpid(), signal.SIGKILL))
    assert report.error == "its process died: SIGKILL"


def test_one_that_hangs_is_ended_with_its_children() -> None:
    marker = str(uuid.uuid4())

    def work(lab: Testbed) -> None:
        lab.in_child(lambda: os.execle("/bin/sleep", "sleep", "300", {"MARKER": marker}))

    start = time.monotonic()
    report = process.run(work, time_limit=0.3)
    assert report.error == "timeout: no end after 0.3 s"
    assert time.monotonic() - start < 5
    assert not processes_with(marker)


def test_a_scenario_has_a_namespace_of_its_own() -> None:
    before = Path("/proc/sys/net/core/somaxconn").read_text()

    def work(lab: Testbed) -> None:
        lab.somaxconn(77)
        lab.listen(lab.bound(IPV4, ("127.0.0.1", 80)), 5)

    assert process.run(work).ended
    assert Path("/proc/sys/net/core/somaxconn").read_text() == before


# -- nothing stays behind


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ended_half_way_it_leaves_no_process(signal_number: int) -> None:
    marker = str(uuid.uuid4())
    with subprocess.Popen(
        [*COMMAND, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "MARKER": marker},
        bufsize=0,  # what readline() reads ahead, communicate() would miss
    ) as process:
        assert process.stdout
        assert process.stdout.readline()  # it is under way
        process.send_signal(signal_number)
        printed, errors = process.communicate(timeout=30)
    assert process.returncode in (130, -signal_number)
    assert b"Traceback" not in errors
    if signal_number == signal.SIGINT:
        summary = fit(printed.decode())[-1]["summary"]
        assert summary["not_run"] == len(all_scenarios()) - summary["scenarios"] > 0
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


# -- the entry_paths themselves work here, even where the probe cannot see them


def test_io_uring_listens() -> None:
    """The ring is real: the socket listens, and a bad descriptor is refused."""
    report = process.run(io_uring.check)
    require("io_uring", not report.skip, report.skip)

    def work(_lab: Testbed) -> None:
        with socket.socket() as sock:
            assert io_uring.listen(sock.fileno(), 5) == 0
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        with Path("/dev/null").open() as file:
            assert io_uring.listen(file.fileno(), 5) == errno.ENOTSOCK

    report = process.run(work)
    assert report.ended, report.error


def test_libc_gives_a_negative_backlog_to_the_kernel() -> None:
    """Unlike CPython's socket.listen, which makes it 0."""

    def work(lab: Testbed) -> None:
        lab.somaxconn(33)
        sock = lab.bound(IPV4)
        assert libc.listen(sock.fileno(), -1) == 0
        stored = int.from_bytes(
            sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[28:32], "little"
        )
        assert stored == 33

    report = process.run(work)
    assert report.ended, report.error
