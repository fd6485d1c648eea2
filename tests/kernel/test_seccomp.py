"""Attach mode seccomp as nobody: every kind of program is followed, unharmed, and seen as root's tracepoints see it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from listenwatch.call.codec import call_from_json
from listenwatch.call.record import Flag
from listenwatch.call.unseen import unseen_fields
from listenwatch.conformance.harness.needs import unmet
from tests.helpers.contract import fit
from tests.helpers.privileges import ENVIRONMENT, as_nobody, python_of_nobody
from tests.helpers.watching import PATIENCE, needs, needs_kernel, redis_server, watching
from tests.require import require


class Watched(NamedTuple):
    """What a watch of a command came to."""

    status: int
    calls: list[dict[str, Any]]
    summary: dict[str, Any]
    err: str

    def brief(self) -> list[tuple[Any, ...]]:
        """Of each call what was asked, what came of it, and the verdict."""
        return [(c["protocol"], c["asked"], c["stored"], c["errno"], c["verdict"]) for c in self.calls]


def line_of(*arguments: str) -> list[str]:
    """A command of listenwatch as nobody, without any capability."""
    return as_nobody((), ["env", *ENVIRONMENT, python_of_nobody(), "-m", "listenwatch", *arguments])


def python(script: str) -> list[str]:
    return [python_of_nobody(), "-c", f"if True:\n{script}"]


@pytest.fixture(autouse=True, scope="module")
def _needs() -> None:
    needs_kernel()
    for tool in ("unshare", "setpriv"):
        needs(tool)
    features = subprocess.run(line_of("features", "--json"), capture_output=True, text=True, check=False)
    answers = {f["name"]: f for f in json.loads(features.stdout)["features"]["attach"]}
    require("kernel", answers["seccomp"]["answer"] == "yes", answers["seccomp"]["how"])


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that nobody may write to: those of pytest lie within one of ours."""
    path = Path("/tmp", f"listenwatch-seccomp-{os.getpid()}")
    path.mkdir(mode=0o777)
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def watched(command: list[str], *options: str) -> Watched:
    line = line_of("watch", "--json", *options, "--", *command)
    done = subprocess.run(line, cwd="/", capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    *calls, last = fit(done.stdout)
    return Watched(done.returncode, calls, last["summary"], done.stderr)


LISTEN = """
    import ctypes, os, socket, sys
    libc = ctypes.CDLL(None, use_errno=True)
    def listen(sock, backlog):
        result = libc.listen(sock if isinstance(sock, int) else sock.fileno(), backlog)
        return ctypes.get_errno() if result else 0
    def bound(*kind, address=("127.0.0.1", 0)):
        sock = socket.socket(*kind)
        sock.bind(address)
        return sock
"""


def test_each_kind_of_socket() -> None:
    done = watched(python(LISTEN + """
    tcp = bound()
    assert [listen(tcp, n) for n in (2**31 - 1, 5, -1)] == [0, 0, 0]
    assert listen(bound(socket.AF_INET, socket.SOCK_DGRAM), 5) == 95
    unix = bound(socket.AF_UNIX, address=f"\\0listenwatch-{os.getpid()}")
    assert listen(unix, 7) == 0
    client = socket.socket(socket.AF_UNIX)
    client.connect(unix.getsockname())
    peer = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    assert int.from_bytes(peer[:4], "little") == os.getpid(), peer
    assert listen(socket.socket(socket.AF_UNIX), 3) == 22
    assert listen(socket.socket(), 4) == 0
    try:
        mptcp = bound(socket.AF_INET, socket.SOCK_STREAM, 262)
    except OSError:
        sys.exit()
    assert listen(mptcp, 9) == 0
    """))  # fmt: skip
    assert (done.status, done.summary["disagree"], done.summary["inconclusive"]) == (0, 0, 0)
    most = done.calls[0]["somaxconn"]
    assert done.brief()[:8] == [
        ("tcp", 2**31 - 1, most, None, "AGREE"), ("tcp", 5, 5, None, "AGREE"), ("tcp", -1, most, None, "AGREE"),
        ("udp", 5, None, "EOPNOTSUPP", "AGREE"), ("unix", 7, 7, None, "AGREE"), ("unix", 3, None, "EINVAL", "AGREE"),
        ("tcp", 4, 4, None, "AGREE"), *[("mptcp", 9, 9, None, "AGREE")] * (len(done.calls) > 7),
    ]  # fmt: skip
    assert "no privilege for BPF" in done.err


def test_descriptors_that_are_none() -> None:
    """Nothing is claimed of a call that only the caller's own descriptors could make."""
    done = watched(python(LISTEN + """
    assert listen(77, 5) == 9
    assert listen(os.open("/dev/null", 0), 5) == 88
    assert listen(os.open("/", os.O_PATH), 5) == 9
    """))  # fmt: skip
    seen = [(c["result"], c["errno"], c["verdict"], c["excuse"]) for c in done.calls]
    assert seen == [
        (None, None, "INCONCLUSIVE", "return-not-seen"), (-88, "ENOTSOCK", "AGREE", None), (-9, "EBADF", "AGREE", None),
    ]  # fmt: skip


def test_somaxconn_of_a_namespace_of_the_command_s_own() -> None:
    """It is root there, and raises it between two calls; a socket keeps the one it was made in."""
    unshared = subprocess.run(as_nobody((), ["unshare", "-Urn", "true"]), capture_output=True, check=False)
    require("kernel", unshared.returncode == 0, "no user namespaces without privilege")
    done = watched(["unshare", "-Urn", *python(LISTEN + """
    from pathlib import Path
    somaxconn = Path("/proc/sys/net/core/somaxconn")
    sock = bound()
    for limit in (10, 300):
        somaxconn.write_text(str(limit))
        assert listen(sock, 200) == 0
    """)])  # fmt: skip
    assert [(c["somaxconn"], c["stored"], c["verdict"]) for c in done.calls] == [(10, 10, "AGREE"), (300, 200, "AGREE")]
    assert len({c["netns"] for c in done.calls}) == 1


def test_threads_and_their_descriptors() -> None:
    """8 threads, 1,250 calls each: none lost, none mixed."""
    done = watched(python(LISTEN + """
    import threading
    socks = [bound() for _ in range(8)]
    def work(number):
        for backlog in range(1250):
            assert listen(socks[number], number * 1250 + backlog) == 0
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    sys.exit(7)
    """))  # fmt: skip
    assert (done.status, done.summary["agree"], done.summary["lost"]) == (7, 10_000, 0)
    for number in range(8):
        of_thread = [c for c in done.calls if c["asked"] // 1250 == number]
        assert [c["asked"] for c in of_thread] == list(range(number * 1250, number * 1250 + 1250))
        assert len({(c["tid"], c["fd"], c["port"]) for c in of_thread}) == 1
        assert all(c["stored"] == min(c["asked"], c["somaxconn"]) for c in of_thread)


def test_children_and_a_daemon() -> None:
    done = watched(python(LISTEN + """
    import time
    sock = bound()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(0.3)
            os._exit(listen(sock, 6))
        os._exit(0)
    os.wait()
    assert listen(sock, 5) == 0
    """))  # fmt: skip
    assert [(c["asked"], c["verdict"]) for c in done.calls] == [(5, "AGREE"), (6, "AGREE")]
    assert len({c["pid"] for c in done.calls}) == 2


def test_a_table_of_a_thread_s_own() -> None:
    """A thread that unshared its descriptors means another file by the same number."""
    done = watched(python(LISTEN + """
    import threading
    tcp, udp = bound(), bound(socket.AF_INET, socket.SOCK_DGRAM)
    def work():
        assert libc.unshare(0x400) == 0
        os.dup2(udp.fileno(), tcp.fileno())
        assert listen(tcp.fileno(), 3) == 95
    thread = threading.Thread(target=work); thread.start(); thread.join()
    """))  # fmt: skip
    assert done.calls[0]["errno"] in ("EOPNOTSUPP", None)  # None: before v6.9 the call goes on unseen
    assert not done.summary["disagree"]


@pytest.mark.parametrize(
    ("script", "status", "text"),
    [
        ("kill -TERM $$", 143, "was ended by SIGTERM"), ("exit 9", 9, "ended with status 9"),
        ("kill -KILL $$", 137, "was ended by SIGKILL"),
    ],
)  # fmt: skip
def test_the_command_s_end_is_its_own(script: str, status: int, text: str) -> None:
    done = watched(["sh", "-c", script])
    assert done.status == status
    assert text in done.err


def test_a_signal_interrupts_no_call() -> None:
    done = watched(python(LISTEN + """
    import signal
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.siginterrupt(signal.SIGALRM, True)
    signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
    sock = bound()
    errors = {listen(sock, n) for n in range(300)}
    signal.setitimer(signal.ITIMER_REAL, 0)
    print("errors", errors, file=sys.stderr)
    """))  # fmt: skip
    returned = [c for c in done.calls if c["result"] is not None]
    assert not done.summary["disagree"] and not done.summary["lost"]
    if tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) >= (5, 19):
        assert len(returned) == len(done.calls)


def test_a_thread_that_dies_in_its_call() -> None:
    """What it left behind does not harm the others."""
    done = watched(python(LISTEN + """
    import signal, time
    sock = bound()
    for number in range(40):
        child = os.fork()
        if child == 0:
            while True:
                listen(sock, number)
        time.sleep(0.002)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert listen(sock, 99) == 0
    """))  # fmt: skip
    assert done.brief()[-1] == ("tcp", 99, 99, None, "AGREE")
    assert (done.status, done.summary["disagree"], done.summary["lost"]) == (0, 0, 0)


def test_a_filter_of_the_command_s_own_counts() -> None:
    """A stricter answer wins: the call does not come to us, and has no record."""
    require("kernel", os.uname().machine == "x86_64", "the filter is of x86_64")
    done = watched(python(LISTEN + """
    import struct
    code = b"".join(struct.pack("=HBBI", *i) for i in (
        (0x20, 0, 0, 0), (0x15, 0, 1, 50), (6, 0, 0, 0x50000 | 13), (6, 0, 0, 0x7fff0000)))
    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]
    program = Program(len(code) // 8, code)
    assert listen(bound(), 5) == 0
    assert libc.prctl(22, 2, ctypes.byref(program)) == 0
    assert listen(bound(), 6) == 13
    """))  # fmt: skip
    assert [c["asked"] for c in done.calls] == [5]
    assert "has a seccomp filter" in done.err


def test_32_bit_programs() -> None:
    reason = unmet("32-bit system calls", "seccomp")
    require("kernel", reason is None, f"no 32-bit calls here: {reason}")
    done = watched(python(LISTEN + """
    from listenwatch.conformance.harness import compat
    sock, udp = bound(), bound(socket.AF_INET, socket.SOCK_DGRAM)
    assert compat.listen(sock.fileno(), 5) == 0
    assert compat.socketcall(sock.fileno(), 6) == 0
    assert compat.listen(udp.fileno(), 7) == 95
    """))  # fmt: skip
    assert [(c["door"], c["asked"], c["verdict"]) for c in done.calls] == [
        ("compat", n, "AGREE") for n in (5, 6, 7)
    ], done.err


def test_a_watch_that_ends_first_leaves_the_command_unharmed(folder: Path) -> None:
    script = LISTEN + f"""
    import time
    sock = bound()
    listen(sock, 5)
    os.setsid()
    for standard in (1, 2):  # else who reads our output waits for us
        os.dup2(os.open("/dev/null", os.O_WRONLY), standard)
    while not os.path.exists("{folder}/go"):
        time.sleep(0.01)
    open("{folder}/result", "w").write(f"{{listen(sock, 6)}} {{listen(sock, 7)}}\\n")
    """
    done = watched(python(script), "--count", "1")
    assert done.status == 0
    assert "stays to let their listen() through" in done.err
    (folder / "go").touch()
    deadline = time.monotonic() + PATIENCE
    while not (folder / "result").exists() or not (text := (folder / "result").read_text()).endswith("\n"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert text == "0 0\n"


def test_asking_for_it_without_a_command() -> None:
    done = subprocess.run(line_of("watch", "--attach", "seccomp"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "listenwatch: attach mode seccomp follows a command: put it after --\n")


# -- servers


def test_redis(folder: Path) -> None:
    script = f"{redis_server(folder)} --port 0 --unixsocket {folder}/sock --port 7791 --save '' & sleep 1; kill $!; wait"
    done = watched(["sh", "-c", script])
    assert {c["verdict"] for c in done.calls} == {"AGREE"}
    assert {(c["protocol"], c["asked"]) for c in done.calls} >= {("tcp", 511), ("unix", 511)}


def test_nginx(folder: Path) -> None:
    config = folder / "nginx.conf"
    config.write_text(
        f"pid {folder}/pid; error_log {folder}/log; worker_processes 2; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;"
        f" uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; server {{ listen 7792 backlog=77; }} }}\n"
    )
    line = f"{needs('nginx')} -p {folder} -c {config} -g 'daemon off;' -e {folder}/log & sleep 1; kill $!; wait"
    done = watched(["sh", "-c", line])
    assert {(c["asked"], c["stored"], c["verdict"]) for c in done.calls} == {(77, 77, "AGREE")}, done.err


# -- the same calls by root's tracepoints at the same time

OURS = {"pid", "tid", "comm", "uid", "fd", "flags", "duration_ns", "time_ns", "hooks", "stages", "entry_path"}
"""It is the watcher's thread that calls, by a descriptor of its own, as root's probe sees it; and other stages are seen."""
OWNERS = {"unit", "container", "pod", "cgroup_id", "socket_cookie"}


def test_field_by_field_as_tracepoints_see_it() -> None:
    script = LISTEN + """
    socks = [bound(), socket.socket(), bound(socket.AF_INET6, address=("::1", 0)), bound(socket.AF_INET, socket.SOCK_DGRAM)]
    try:
        socks.append(bound(socket.AF_INET, socket.SOCK_STREAM, 262))
    except OSError:
        pass
    for number, sock in enumerate(socks):
        for backlog in (90001, 90101, -90201):
            listen(sock, backlog + number)
    server = bound()
    listen(server, 90301)
    client = socket.create_connection(server.getsockname())
    listen(client, 90302)
    """
    for _ in range(5):  # root watches all of the machine, where others may make more calls than it can keep
        with watching("--attach", "tracepoint", "--json") as root:
            done = watched(python(script))
            root.end(signal.SIGINT)
        calls, summary = root.report()
        if not summary["lost"]:
            break
    theirs = [call_from_json(c) for c in calls if c["asked"] is not None and 90_000 <= abs(c["asked"]) < 91_000]
    ours = [call_from_json(c) for c in done.calls]
    assert [c.backlog for c in ours] == [c.backlog for c in theirs]
    compared: Counter[str] = Counter()
    for here, there in zip(ours, theirs, strict=True):
        assert here.flags & Flag.SOCKET and here.result == there.result
        for name in here._fields:
            if name not in OURS | OWNERS | {"pre", "post"}:
                assert getattr(here, name) == getattr(there, name), (here.backlog, name)
                compared[name] += 1
        for place in ("pre", "post"):
            seen, probe = getattr(here, place), getattr(there, place)
            for name in set(seen._fields) - unseen_fields(seen) - {"seen"}:
                if name == "bound" and seen.bound == 2:
                    continue
                assert getattr(seen, name) == getattr(probe, name), (here.backlog, place, name)
                compared[name] += 1
    assert compared["state"] and compared["max_ack_backlog"] and compared["somaxconn_after"] == len(ours)


def test_verify_without_privilege() -> None:
    unshared = subprocess.run(as_nobody((), ["unshare", "-Urn", "true"]), capture_output=True, check=False)
    require("kernel", unshared.returncode == 0, "no user namespaces without privilege")
    line = line_of("verify", "--attach", "seccomp", "-k", "backlog", "--json")
    done = subprocess.run(line, cwd="/", capture_output=True, text=True, timeout=PATIENCE * 3, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])["summary"]
    assert summary["agree"] > 20
    assert (summary["disagree"], summary["inconclusive"], summary["lost"]) == (0, 0, 0)
