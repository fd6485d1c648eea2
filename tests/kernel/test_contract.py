"""Real outputs fit the published schemas: hostile names, AF_UNIX, MPTCP, calls that fail; and the help's recipe."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.helpers.contract import fit, of
from tests.helpers.verifying import verify
from tests.helpers.watching import LISTENWATCH, PATIENCE, WATCH, needs, needs_kernel, watching

pytestmark = pytest.mark.kernel

HOSTILE = b"\x1b[31m\xff\\\n\"</"
SCRIPT = """\
import ctypes, os, socket, sys
ctypes.CDLL(None).prctl(15, bytes.fromhex(sys.argv[1]), 0, 0, 0)
kept = []
def listens(family, kind, address, protocol=0):
    try:
        sock = socket.socket(family, kind, protocol)
        if address:
            sock.bind(address)
        kept.append(sock)
        sock.listen(511)
    except OSError:
        pass
for address in (("127.0.0.1", 0), None):
    listens(socket.AF_INET, socket.SOCK_STREAM, address)
    listens(socket.AF_INET, socket.SOCK_STREAM, address, 262)  # IPPROTO_MPTCP
listens(socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0))
listens(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
listens(socket.AF_UNIX, socket.SOCK_STREAM, b"\\0\\xff\\n%d" % os.getpid())
listens(socket.AF_UNIX, socket.SOCK_SEQPACKET, None)
ctypes.CDLL(None).listen(-1, 5)
ctypes.CDLL(None).listen(0, -2147483648)
"""


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_kernel()


def test_calls_of_a_hostile_program_fit_and_replay_to_the_same_lines() -> None:
    command = [sys.executable, "-c", SCRIPT, HOSTILE.hex()]
    watched = subprocess.run([*WATCH, "--json", "-o", "/dev/stderr", "--", *command], capture_output=True, timeout=PATIENCE)
    *calls, summary = fit(watched.stdout.decode())
    assert watched.returncode == 0, watched.stderr
    comms = {call["comm"] for call in calls}
    assert r"[31m\xff\\" in "".join(comms)
    assert {call["errno"] for call in calls} >= {None, "EBADF", "ENOTSOCK", "EOPNOTSUPP", "EINVAL"}
    assert {call["protocol"] for call in calls} >= {"tcp", "tcp6", "unix", "unix-seq", None}
    assert summary["summary"]["agree"] == len(calls) and summary["reason"].startswith(f"{len(calls)} agree")
    recording = [line for line in watched.stderr.decode().splitlines() if line.startswith("{")]
    assert fit("\n".join(recording))[0]["schema"] == "listenwatch/recording/3"
    assert recording[1:] == watched.stdout.decode().splitlines()


def test_listeners_of_hostile_programs_fit() -> None:
    script = f"{SCRIPT}\nprint(flush=True)\nsys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, HOSTILE.hex()], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stdout.readline()
        done = subprocess.run(
            [*LISTENWATCH, "sockets", "--json", "-p", str(process.pid)], capture_output=True, text=True, timeout=PATIENCE
        )
        process.communicate()
    *rows, summary = fit(done.stdout)
    assert summary["summary"]["listeners"] == len(rows) >= 4
    assert {row["pid"] for row in rows} == {process.pid}
    assert all(r"[31m\xff\\" in row["comm"] for row in rows)
    assert {row["protocol"] for row in rows} >= {"tcp", "tcp6", "unix"}
    assert bool(summary["summary"]["incomplete"]) == (done.returncode == 4) == ("not seen: " in done.stderr)


def test_refused_connections_fit() -> None:
    with socket.socket() as listener, watching("--json", "-p", str(os.getpid()), command="overflow") as watch:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        clients = [socket.socket() for _ in range(4)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        event = watch.call()
        watch.end(signal.SIGINT)
        for client in clients:
            client.close()
    *events, last = fit(watch.out)
    assert (event["pid"], event["port"], event["kind"]) == (os.getpid(), listener_port(events), "syn_accept_queue_full")
    assert {row["schema"] for row in last["summary"]["listeners"]} == {"listenwatch/overflow/1"}
    assert last["summary"]["count"] == sum(event["count"] for event in events)


def listener_port(events: list[dict[str, object]]) -> object:
    (port,) = {event["port"] for event in events}
    return port


def test_verify_and_features_fit() -> None:
    calls = fit(verify("--json", "-k", "mptcp").stdout)
    assert of(calls, "verify-summary")
    histories = fit(verify("--json", "-v", "--generate", "20").stdout)
    assert of(histories, "call") and of(histories, "histories-summary")
    (features,) = fit(subprocess.run([*LISTENWATCH, "features", "--json"], capture_output=True, text=True).stdout)
    assert features["kernel"]["release"] == os.uname().release


def test_the_recipe_of_the_help_prints_no_null() -> None:
    jq = needs("jq")
    watch = subprocess.Popen([*WATCH, "--json", "--", sys.executable, "-c", SCRIPT, "00"], stdout=subprocess.PIPE)
    done = subprocess.run([jq, ".reason"], stdin=watch.stdout, capture_output=True, text=True, timeout=PATIENCE)
    assert watch.wait() == 0 and watch.stdout
    watch.stdout.close()
    reasons = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(reasons) > 5 and all(isinstance(reason, str) and reason for reason in reasons)
