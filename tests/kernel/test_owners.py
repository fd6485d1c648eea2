"""A container under Podman and a systemd unit are named in ``watch``, ``sockets`` and ``overflow``; nobody is where there is none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from listenwatch.linux.cgroup_paths import unified_mount
from tests import ROOT
from tests.helpers.listening import connecting, inside, sockets, until_one
from tests.helpers.podman import container, image
from tests.helpers.watching import (
    LISTENWATCH,
    PATIENCE,
    Watching,
    listen_once,
    needs_kernel,
    watching,
)
from tests.require import require

pytestmark = pytest.mark.kernel

NAME = f"lw-web-{os.getpid()}"
UNIT = f"listenwatch-{os.getpid()}@a\\x2db.service"


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    """The image of a web server on port 8080."""
    needs_kernel()
    with image() as name:
        yield name


@pytest.fixture
def unit() -> Iterator[Path]:
    """A cgroup as systemd makes it for a unit."""
    needs_kernel()
    mount = unified_mount(Path("/proc/self/mountinfo").read_text())
    require("kernel", mount is not None, "the cgroup v2 hierarchy is not mounted")
    assert mount
    folder = Path(mount.folder) / "listenwatch.slice" / UNIT
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        require("kernel", False, f"no cgroup can be made: {error}")
    yield folder
    for each in (folder, folder.parent):
        each.rmdir()


def ended(watch: Watching) -> list[dict[str, Any]]:
    watch.end(signal.SIGINT)
    return watch.report()[0]


@contextmanager
def serving(of: str) -> Iterator[int]:
    with container(of, NAME, "/bin/httpd", "-f", "-p", "0.0.0.0:8080") as pid:
        until_one(f"/proc/{pid}/ns/net")
        yield pid


def is_web(row: dict[str, Any]) -> bool:
    owner = row["container"]
    return (owner["runtime"], owner["name"], len(owner["id"]), row["unit"], row["pod"]) == ("podman", NAME, 64, None, None)


def test_watch_names_the_container(web: str, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    with watching("--json", "-o", str(file)) as watch:
        with serving(web):
            pass
        listen_once()
        calls = ended(watch)
    (mine,) = (call for call in calls if call["container"])
    assert is_web(mine) and mine["comm"] == "httpd"
    assert all(call["container"] is None for call in calls if call["pid"] == os.getpid())
    for arguments, number in (("--container", NAME), 1), (("--container", "no*"), 0), (("--unit", "*"), 0):
        replayed = subprocess.run(
            [*LISTENWATCH, "replay", "--json", *arguments, str(file)], cwd=ROOT, capture_output=True, text=True, check=False
        )
        shown = [json.loads(line) for line in replayed.stdout.splitlines()][:-1]
        assert [call["container"] for call in shown] == [mine["container"]] * number
    text = subprocess.run(
        [*LISTENWATCH, "replay", "--container", NAME, str(file)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert f"podman:{NAME}" in text.stdout


def test_watch_shows_only_the_container_that_is_wanted(web: str) -> None:
    with watching("--json", "--container", "lw-web-*") as watch:
        listen_once()
        with serving(web):
            pass
        calls = ended(watch)
    assert [call["container"]["name"] for call in calls] == [NAME]


def test_sockets_names_the_container(web: str) -> None:
    with serving(web) as pid:
        (row,) = sockets("--container", NAME)
        (same,) = sockets("--container", row["processes"][0]["container"]["id"][:12])
        others = sockets("--container", "not-there")
        text = subprocess.run(
            [*LISTENWATCH, "sockets", "--container", NAME], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert is_web(row["processes"][0]) and row["processes"][0]["pid"] == pid
    assert same["inode"] == row["inode"] and not others
    assert f"podman:{NAME}" in text.stdout
    assert max(map(len, text.stdout.splitlines())) <= 100


def test_overflow_names_the_container(web: str) -> None:
    with serving(web) as pid, watching("--json", "--container", NAME, command="overflow") as watch:
        os.kill(pid, signal.SIGSTOP)
        with inside(f"/proc/{pid}/ns/net"):
            clients = [connecting(8080) for _ in range(20)]
        event = watch.call()
        for client in clients:
            client.close()
        os.kill(pid, signal.SIGCONT)
        watch.end(signal.SIGINT)
    assert is_web(event["processes"][0]) and event["processes"][0]["pid"] == pid


# -- a unit

SERVER = """
import os, socket, sys
open(sys.argv[1] + "/cgroup.procs", "w").write(str(os.getpid()))
sock = socket.socket()
sock.bind(("127.0.0.1", 0))
sock.listen(3)
print(sock.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def server(folder: Path) -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.communicate("")


def test_a_unit_is_named(unit: Path) -> None:
    with watching("--json") as watch:
        with server(unit) as port:
            (row,) = sockets("--unit", "listenwatch-*", "-P", str(port))
        listen_once()
        calls = ended(watch)
    assert {call["unit"] for call in calls if call["local"] == f"127.0.0.1:{port}"} == {UNIT}
    assert {call["unit"] for call in calls if call["pid"] == os.getpid()} == {own_unit()}
    holder = row["processes"][0]
    assert (holder["unit"], holder["container"], holder["pod"], row["socket_unit"]) == (UNIT, None, None, None)


def own_unit() -> str | None:
    from listenwatch.linux.owners import owner_of_process

    return owner_of_process(os.getpid()).unit


def test_a_process_that_ended_before_its_call_was_read_is_named(unit: Path) -> None:
    """Its number is nobody's by then; the kernel noted its cgroup."""
    with watching("--json") as watch:
        os.kill(watch.process.pid, signal.SIGSTOP)
        with server(unit) as port:
            pass
        os.kill(watch.process.pid, signal.SIGCONT)
        calls = ended(watch)
    assert {call["unit"] for call in calls if call["local"] == f"127.0.0.1:{port}"} == {UNIT}


# -- namespaces that come and go

SHORT = """
import socket
from listenwatch.linux import netns
netns.new_namespace()
sock = socket.socket()
sock.bind(("127.0.0.1", 7777))
sock.listen(0)
clients = [socket.socket() for _ in range(4)]
for client in clients:
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", 7777))
"""


def test_short_lived_namespaces_are_one_line_and_no_failure() -> None:
    needs_kernel()
    with watching("--interval", "60", command="overflow") as watch:
        for _ in range(3):
            subprocess.run([sys.executable, "-c", SHORT], cwd=ROOT, check=True, timeout=PATIENCE)
        assert watch.end(signal.SIGINT) == 0, watch.err
    lines = [line for line in watch.err.splitlines() if "namespace" in line and "watching" not in line]
    assert lines == ["listenwatch: short-lived: 3 network namespaces ended before a look at each"]
    assert watch.out.count("127.0.0.1:7777") >= 3
