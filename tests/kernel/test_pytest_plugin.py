"""The pytest plug-in in a project outside the tree: real servers, tested by nobody; as root the fixture takes the probe."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenwatch.pytest_plugin.calls import Listenwatch
from tests import ROOT
from tests.helpers.plugin import PROJECT, SERVES, needs_seccomp
from tests.helpers.privileges import as_nobody
from tests.helpers.seccomp import refuse
from tests.helpers.watching import PATIENCE, needs, needs_kernel, redis_server

pytestmark = pytest.mark.kernel

SECCOMP = {"x86_64": 317, "aarch64": 277}[os.uname().machine]
PATH = f"{ROOT}:{sysconfig.get_path('purelib')}"
TESTS = """
import contextlib, socket, subprocess, sys, time
from pathlib import Path
import pytest

HOST = "127.0.0.1"

@pytest.fixture
def port():
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return sock.getsockname()[1]

def nginx(folder, port):
    conf = folder / "nginx.conf"
    conf.write_text(f"daemon off; pid {folder}/pid; events {{}}\\n"
        f"http {{ access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;"
        f" uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e; server {{ listen {HOST}:{port}; }} }}\\n")
    return ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(conf)]

def redis(folder, port):
    return [str(Path(__file__).with_name("redis-server")), "--port", str(port), "--bind", HOST, "--save", "", "--dir", str(folder)]

def gunicorn(folder, port):
    (folder / "app.py").write_text("def app(environment, start):\\n    start('200 OK', [])\\n    return [b'hello']\\n")
    return [sys.executable, "-m", "gunicorn", "--chdir", str(folder), "--worker-tmp-dir", str(folder), "-b", f"{HOST}:{port}", "app:app"]

SERVERS = pytest.mark.parametrize(("server", "backlog"), [(nginx, 511), (redis, 511), (gunicorn, 2048)])

@SERVERS
def test_backlog(server, backlog, tmp_path, port, listenwatch):
    with listenwatch.watch(server(tmp_path, port)) as calls:
        call = calls.wait(port=port)
    assert call.agrees
    assert call.asked == backlog
    assert call.predict(somaxconn=64, kernel="6.1").stored == 64
    assert call.stored == backlog, call.explain()

@pytest.mark.listens(min_limit=100)  # gunicorn has a socket of its own to be told by
@SERVERS
def test_serves(server, backlog, tmp_path, port):
    process = subprocess.Popen(server(tmp_path, port))
    try:
        until = time.monotonic() + 50
        while True:
            try:
                with socket.create_connection((HOST, port), timeout=50) as client:
                    client.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
                    assert client.recv(1)  # whatever each says to that: it is past its listen()
                break
            except ConnectionRefusedError:
                assert process.poll() is None and time.monotonic() < until
    finally:
        process.terminate()
        process.wait()
"""


@pytest.fixture
def project() -> Iterator[Path]:
    """A project that nobody may use: the folders of pytest lie within one of ours."""
    needs_kernel()
    needs_seccomp()
    for tool in ("unshare", "setpriv", "nginx"):
        needs(tool)
    with tempfile.TemporaryDirectory(prefix="project-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "test_servers.py").write_text(TESTS)
        redis_server(folder)
        folder.chmod(0o777)
        yield folder


def run(project: Path, somaxconn: int, *options: str) -> subprocess.CompletedProcess[str]:
    """pytest as nobody, in a network namespace with this somaxconn."""
    python = next(path for path in (sys.executable, "/usr/bin/python3") if can_be_run(path))
    environment = ["env", f"PYTHONPATH={PATH}", "PYTHONDONTWRITEBYTECODE=1", f"HOME={project}", f"TMPDIR={project}"]
    line = [*environment, python, "-m", "pytest", "-p", "no:cacheprovider", *options]
    inside = f'echo {somaxconn} > /proc/sys/net/core/somaxconn; ip link set lo up; exec "$@"'
    return subprocess.run(
        ["unshare", "--net", "sh", "-c", inside, "sh", *as_nobody((), line)],
        cwd=project, capture_output=True, text=True, timeout=4 * PATIENCE, check=False,
    )  # fmt: skip


def can_be_run(python: str) -> bool:
    """Whether nobody may run this Python, with pytest."""
    line = as_nobody((), ["env", f"PYTHONPATH={PATH}", python, "-m", "pytest", "--version"])
    return not subprocess.run(line, cwd="/", capture_output=True, check=False).returncode


def test_servers_that_get_what_they_ask_for(project: Path) -> None:
    done = run(project, 4096, "--listenwatch", "-o", "listenwatch_fail_on=clamped,disagree,failed")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout
    assert re.search(r"\d+ listen\(\): \d+ agree; 0 clamped, 0 failed, 0 lost \(attach mode seccomp\)", done.stdout), done.stdout


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one-process", "xdist"])
def test_a_clamp_makes_it_red(options: tuple[str, ...], project: Path) -> None:
    done = run(project, 128, "--listenwatch", "-o", "listenwatch_fail_on=clamped", *options)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "6 failed" in done.stdout, done.stdout
    for name, backlog in (("nginx", 511), ("redis-server", 511), (".*", 2048)):
        said = rf"listenwatch: a listen\(\) was clamped: {name}\[\d+\] asked {backlog}, stored 128: clamped by net.core.somaxconn"
        assert re.search(said, done.stdout), done.stdout
    assert "net.core.somaxconn is 128 in its network namespace: sysctl -w net.core.somaxconn=511 as root" in done.stdout


def test_the_fixture_alone(project: Path) -> None:
    done = run(project, 128, "-k", "backlog")
    assert done.returncode == 1
    assert done.stdout.count("AssertionError: asked 511, stored 128: clamped by net.core.somaxconn") >= 2, done.stdout
    assert "asked 2048, stored 128: clamped by net.core.somaxconn" in done.stdout


def test_as_root_the_probe_sees_it(listenwatch: Listenwatch) -> None:
    needs_kernel()
    with listenwatch.watch([sys.executable, "-c", f"import socket, time; {SERVES.format(backlog=7)}"]) as calls:
        call = calls.wait()
    assert (call.asked, call.agrees) == (7, True)
    assert call.as_json()["watched"]  # by seccomp no stage is


# -- where attach mode seccomp does not work

SUITE = PROJECT + """
def test_own(): listen(5)
def test_clamped(): listen(HUGE)
def test_child():
    with subprocess.Popen(python("socket.socket().listen(7)")): pass
def test_nothing(): pass
"""


def run_without_seccomp(folder: Path, *before: str) -> subprocess.CompletedProcess[str]:
    """A session in which seccomp(2) is refused."""
    (folder / "test_suite.py").write_text(SUITE)
    line = [*before, "env", f"PYTHONPATH={PATH}", "PYTHONDONTWRITEBYTECODE=1", python_of(before), "-m", "pytest", "--listenwatch"]
    return subprocess.run(
        [*line, "-p", "no:cacheprovider", "-o", "listenwatch_fail_on=clamped", "test_suite.py"],
        cwd=folder, capture_output=True, text=True, timeout=4 * PATIENCE, check=False,
        preexec_fn=lambda: refuse(errno.EPERM, SECCOMP),
    )  # fmt: skip


def python_of(before: tuple[str, ...]) -> str:
    return next(path for path in (sys.executable, "/usr/bin/python3") if not before or can_be_run(path))


def test_the_probe_watches_a_session(project: Path) -> None:
    done = run_without_seccomp(project)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 3 passed" in done.stdout
    assert re.search(r"3 listen\(\): 3 agree; 1 clamped, 0 failed, 0 lost \(attach mode (kprobe|fentry|tracepoint)\)", done.stdout), done.stdout


def test_what_cannot_be_watched_says_so(project: Path) -> None:
    done = run_without_seccomp(project, *as_nobody((), []))
    assert (done.returncode, done.stdout) == (pytest.ExitCode.USAGE_ERROR, ""), done.stdout
    (line,) = [line for line in done.stderr.splitlines() if line]
    assert line.startswith("ERROR: --listenwatch: the listen() calls of this session cannot be watched (attach mode seccomp does not work here")
    assert line.endswith("run pytest as root, allow seccomp where a container forbids it, or leave --listenwatch out")
