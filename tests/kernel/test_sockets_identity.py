"""Who holds a listener: threads, pid namespaces, shared sockets, hostile names, processes we may not ask."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from listenwatch.linux import processes
from listenwatch.linux.netns import find_namespaces
from listenwatch.linux.processes import describe
from listenwatch.report.listeners import who
from listenwatch.sockets.inventory import Inventory, ListenerRow, take
from tests.helpers.watching import needs, needs_kernel

pytestmark = pytest.mark.kernel

CLONE_FILES, CLONE_NEWPID, CLONE_NEWNET = 0x400, 0x2000_0000, 0x4000_0000
NOBODY = 65534

PRELUDE = """
import ctypes, os, socket, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
def listener():
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(3)
    return sock
def ready(sock):
    print(sock.getsockname()[1], os.getpid(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_kernel()


@contextmanager
def running(script: str, *, prefix: tuple[str, ...] = ()) -> Iterator[tuple[int, psutil.Process]]:
    """A Python program that calls ``ready`` with its listener; the port, and the process started."""
    with subprocess.Popen(
        [*prefix, sys.executable, "-c", PRELUDE + script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout
            port, _ = map(int, process.stdout.readline().split())
            yield port, psutil.Process(process.pid)
        finally:
            process.communicate("")


def on_port(port: int) -> ListenerRow:
    (row,) = (row for row in take().rows if row.listener.port == port)
    return row


HOSTS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
KINDS = {
    "tcp": (socket.AF_INET, 0),
    "tcp6": (socket.AF_INET6, 0),
    "unix": (socket.AF_UNIX, 0),
    "mptcp": (socket.AF_INET, 262),
    "mptcp6": (socket.AF_INET6, 262),
}


def has_mptcp() -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262):
        return True
    return False


def test_each_kind_is_the_one_ss_lists() -> None:
    """With a connection that waits; MPTCP too, and not the TCP socket beneath it, which does the work."""
    kinds = {name: kind for name, kind in KINDS.items() if has_mptcp() or kind[1] == 0}
    limits = {name: number for number, name in enumerate(kinds, 3)}
    inodes = {}
    with ExitStack() as kept:
        for name, (family, protocol) in kinds.items():
            sock = kept.enter_context(socket.socket(family, socket.SOCK_STREAM, protocol))
            unix = f"\0listenwatch-{os.getpid()}"
            sock.bind((HOSTS[family], 0) if family in HOSTS else unix)
            sock.listen(limits[name])
            client = kept.enter_context(socket.socket(family))
            client.connect(sock.getsockname())
            inodes[os.fstat(sock.fileno()).st_ino] = name
        rows = take().rows
        options = "-HlntxeM" if has_mptcp() else "-Hlntxe"
        listed = subprocess.run([needs("ss"), options], capture_output=True, text=True, check=True)
    mine = {inodes[row.listener.inode]: row for row in rows if row.listener.inode in inodes}
    assert set(mine) == set(kinds)
    for name, row in mine.items():
        inode, port = row.listener.inode, row.listener.port
        key = f"ino:{inode} " if port else f" {inode} "
        lines = [line for line in listed.stdout.splitlines() if key in line]
        # ss lists the TCP socket too, with the same inode
        line = next(line for line in lines if line.startswith("mptcp") == name.startswith("mptcp"))
        fields = line.split()
        queue, limit, local = fields[fields.index("LISTEN") + 1 :][:3]
        assert row.listener.protocol == name
        assert (row.listener.queue, row.listener.limit) == (int(queue), int(limit)) == (1, limits[name])
        assert local.endswith(str(port or row.listener.local))
        assert [holder.pid for holder in row.holders] == [os.getpid()]
        place = row.listener.family, row.listener.local
        assert [(each.listener.family, each.listener.local) for each in rows].count(place) == 1


def test_a_thread_with_a_descriptor_table_of_its_own() -> None:
    script = f"""
def work():
    assert not libc.unshare({CLONE_FILES})
    ready(listener())
threading.Thread(target=work).start()
"""
    with running(script) as (port, process):
        assert [holder.pid for holder in on_port(port).holders] == [process.pid]


def test_a_process_of_another_pid_namespace_is_named_by_our_number() -> None:
    prefix = (needs("unshare"), "--pid", "--fork", "--kill-child")
    with running("ready(listener())", prefix=prefix) as (port, unshare):
        (holder,) = on_port(port).holders
        assert (holder.pid, holder.inner_pid) == (unshare.children()[0].pid, 1)


def test_several_processes_share_a_socket() -> None:
    script = """
sock = listener()
child = os.fork()
if not child:
    os.read(0, 1)
    os._exit(0)
ready(sock)
os.waitpid(child, 0)
"""
    with running(script) as (port, process):
        pids = {process.pid, process.children()[0].pid}
        assert {holder.pid for holder in on_port(port).holders} == pids


def test_a_namespace_that_only_a_descriptor_holds() -> None:
    script = f"""
home = os.open("/proc/self/ns/net", os.O_RDONLY)
assert not libc.unshare({CLONE_NEWNET})
sock = listener()
away = os.open("/proc/self/ns/net", os.O_RDONLY)
assert not libc.setns(home, 0)
ready(sock)
"""
    with running(script) as (port, process):
        row = on_port(port)
        assert row.namespace.inode not in {
            Path(f"/proc/{pid}/ns/net").stat().st_ino for pid in (os.getpid(), process.pid)
        }
        assert [holder.pid for holder in row.holders] == [process.pid]
    assert row.namespace.inode not in {each.inode for each in find_namespaces().namespaces}


@pytest.mark.parametrize("name", [b"a\x1b[2Jb\nc", b"\xff\xfe\x80", b"\xe2\x80\xaeevil", b"x" * 15])
def test_hostile_names_are_kept_and_escaped(name: bytes) -> None:
    script = f"libc.prctl(15, {name!r}, 0, 0, 0)\nready(listener())"
    with running(script) as (port, _):
        row = on_port(port)
    assert os.fsencode(row.holders[0].name) == name
    assert who(row).isprintable()
    json.dumps(row.holders[0]._asdict())


def test_a_number_that_another_process_has_by_now_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """psutil compares the start time: what was read may be of two processes, so none of it is said."""
    assert describe(os.getpid())
    monkeypatch.setattr(psutil.Process, "is_running", lambda self: False)
    assert describe(os.getpid()) is None


def test_one_that_ends_while_we_look_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    real = processes._pids
    monkeypatch.setattr(processes, "_pids", lambda: iter([ended.pid, *real()]))
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(1)
        assert [holder.pid for holder in on_port(sock.getsockname()[1]).holders] == [os.getpid()]


def test_without_privilege_what_may_not_be_read_is_unknown_and_said() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(1)
        port = sock.getsockname()[1]
        found = as_nobody(lambda: _plain(take(), port), sock)
    assert found["holders"] == [[]]
    assert any("not permitted" in text and "run it as root" in text for text in found["unseen"])


def _plain(inventory: Inventory, port: int) -> dict[str, Any]:
    rows = [row for row in inventory.rows if row.listener.port == port]
    return {"holders": [row.holders for row in rows], "unseen": inventory.unseen}


def as_nobody(action: Callable[[], dict[str, Any]], held: socket.socket) -> dict[str, Any]:
    """What ``action`` returns in a child without privilege, and without the socket held."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            held.close()
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writing, json.dumps(action()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        text = stream.read()
    os.waitpid(pid, 0)
    found: dict[str, Any] = json.loads(text)
    return found
