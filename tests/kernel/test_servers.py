"""Real servers, as their distributions ship them: what each asks for, and what it gets."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from listenwatch.pytest_plugin.calls import Listenwatch
from listenwatch.sockets.servers import default_of
from tests.helpers.watching import PATIENCE, needs, needs_kernel, python, redis_server, watching
from tests.require import require

pytestmark = pytest.mark.kernel

LOCALHOST, EVERYWHERE = "127.0.0.1", "0.0.0.0"
Command = Callable[[Path, str], list[str]]


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_kernel()


def server(name: str) -> str:
    """The path of an installed server, else a skip with its name."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    require("servers", path is not None, f"{name} is not installed")
    assert path is not None
    return path


def free_port() -> int:
    """A port nobody holds; for servers that take none of the kernel's choice."""
    with socket.socket() as sock:
        sock.bind((EVERYWHERE, 0))
        port: int = sock.getsockname()[1]
        return port


def nginx(folder: Path, host: str) -> list[str]:
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; server {{ listen {host}:{free_port()}; }} }}\n"
    )
    return [server("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(config)]


def redis(folder: Path, host: str) -> list[str]:
    options = ["--dir", str(folder), "--save", "", "--bind", host, "--protected-mode", "no"]
    return [redis_server(folder), "--port", str(free_port()), *options]


def node(_folder: Path, host: str) -> list[str]:
    script = f"require('http').createServer().listen(0, '{host}')"
    return [server("node"), "-e", script]


def python_http(folder: Path, host: str) -> list[str]:
    return [*python("")[:1], "-m", "http.server", "--bind", host, "--directory", str(folder), "0"]


def java(folder: Path, _host: str) -> list[str]:
    source = folder / "Main.java"
    source.write_text(
        "public class Main { public static void main(String[] arguments) throws Exception {"
        " new java.net.ServerSocket(0).accept(); } }"
    )
    return [server("java"), str(source)]


def go(folder: Path, host: str) -> list[str]:
    source = folder / "main.go"
    source.write_text(
        'package main\nimport "net"\n'
        f'func main() {{ l, _ := net.Listen("tcp", "{host}:0"); l.Accept() }}\n'
    )
    program = str(folder / "server")
    built = subprocess.run(
        [server("go"), "build", "-o", program, str(source)],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return [program]


def postgres(folder: Path, host: str) -> list[str]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    require("servers", bool(found), "postgres is not installed")
    become = [needs("setpriv"), "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    null = subprocess.run([*become, "sh", "-c", "exec <>/dev/null"], stderr=subprocess.PIPE, text=True, check=False)
    require("servers", null.returncode == 0, f"user postgres cannot run a program here: {null.stderr.strip()}")
    data = folder / "data"
    data.mkdir()
    for path in (data, folder):
        shutil.chown(path, "postgres", "postgres")
        path.chmod(0o700)
    made = subprocess.run(
        [*become, found[-1] / "initdb", "-N", "-A", "trust", "-D", data],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    options = ["-D", str(data), "-p", str(free_port()), "-k", str(folder), "-h", host]
    return [*become, str(found[-1] / "postgres"), *options, "-c", "max_connections=100"]


def memcached(_folder: Path, host: str) -> list[str]:
    return [server("memcached"), "-u", "nobody", "-l", host, "-p", str(free_port()), "-U", "0"]


def lighttpd(folder: Path, host: str) -> list[str]:
    config = folder / "lighttpd.conf"
    config.write_text(f'server.document-root = "{folder}"\nserver.bind = "{host}"\nserver.port = {free_port()}\n')
    return [server("lighttpd"), "-D", "-f", str(config)]


def apache(folder: Path, host: str) -> list[str]:
    config, modules = folder / "apache.conf", "/usr/lib/apache2/modules"
    config.write_text(
        f"ServerName localhost\nListen {host}:{free_port()}\nPidFile {folder}/pid\nErrorLog {folder}/log\n"
        f"DefaultRuntimeDir {folder}\nLoadModule mpm_event_module {modules}/mod_mpm_event.so\n"
        f"LoadModule authz_core_module {modules}/mod_authz_core.so\n"
    )
    return [server("apache2"), "-X", "-f", str(config)]


def gunicorn(folder: Path, host: str) -> list[str]:
    (folder / "app.py").write_text("def app(environment, start):\n    start('200 OK', [])\n    return [b'']\n")
    options = ["--no-control-socket"] if "--no-control-socket" in _help_of("gunicorn") else []
    return [*python("")[:1], "-m", "gunicorn", *options, "--chdir", str(folder), "-b", f"{host}:{free_port()}", "app:app"]


def _help_of(module: str) -> str:
    return subprocess.run([*python("")[:1], "-m", module, "--help"], capture_output=True, text=True, check=True).stdout


def by_default(name: str) -> set[int]:
    """What the table of known servers says it asks for."""
    default = default_of(name)
    return set() if default is None else {default}


SERVERS: dict[str, tuple[Command, Collection[int]]] = {
    "memcached": (memcached, by_default("memcached")),
    "lighttpd": (lighttpd, by_default("lighttpd")),
    "gunicorn": (gunicorn, by_default("gunicorn")),
    "nginx": (nginx, by_default("nginx")),
    "redis": (redis, by_default("redis")),
    "node": (node, by_default("Node.js")),
    "python": (python_http, {5}),
    "java": (java, by_default("Java")),
    "postgres": (postgres, range(200, 300)),  # twice what may connect, as each version counts it
    "go": (go, ()),  # net.core.somaxconn, which it reads as it starts
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder other users can be given; pytest's own lies where they cannot look."""
    with tempfile.TemporaryDirectory(prefix="server-") as name:
        yield Path(name)


def calls_of(command: list[str]) -> list[dict[str, Any]]:
    """The listen() calls of a server that is told to end after the first."""
    with watching("--json", "--", *command) as watch:
        line = watch.line()
        assert '"summary"' not in line, watch.err + watch.process.communicate()[1].decode()
        status = watch.end(signal.SIGTERM)
    calls, summary = watch.report()
    assert status in (0, 128 + signal.SIGTERM), watch.out  # the server's own: not all handle the signal
    assert summary["agree"] == len(calls) > 0
    assert {call["verdict"] for call in calls} == {"AGREE"}
    return calls


@pytest.mark.parametrize("name", SERVERS)
def test_what_a_server_asks_for(name: str, folder: Path) -> None:
    command, asked = SERVERS[name]
    for call in calls_of(command(folder, LOCALHOST)):
        assert call["asked"] in (asked or {call["somaxconn"]})
        assert call["stored"] == min(call["asked"], call["somaxconn"])
        assert (call["result"], call["door"]) == (0, "syscall")


@pytest.mark.parametrize("name", SERVERS)
def test_what_it_gets_where_somaxconn_is_128(name: str, folder: Path) -> None:
    command, asked = SERVERS[name]
    lower = 'echo 128 > /proc/sys/net/core/somaxconn; exec "$@"'
    inside = [needs("unshare"), "-n", "sh", "-c", lower, "sh", *command(folder, EVERYWHERE)]
    for call in calls_of(inside):
        assert call["somaxconn"] == 128
        assert call["asked"] in (asked or {128})
        assert call["stored"] == min(call["asked"], 128)
        assert call["backlog_rule"] == ("clamped" if call["asked"] > 128 else "kept")
        clamped = "clamped by net.core.somaxconn" in call["reason"]
        assert clamped is (call["asked"] > 128)


def test_apache(folder: Path, listenwatch: Listenwatch) -> None:
    """Apart from the others: told to end while it starts, it may miss that. The fixture kills what does not end."""
    with listenwatch.watch(apache(folder, LOCALHOST), attach="seccomp") as calls:
        call = calls.wait(timeout=PATIENCE)
    assert call.agrees and call.somaxconn is not None
    assert (call.asked, call.stored) == (default_of("Apache httpd"), min(default_of("Apache httpd") or 0, call.somaxconn))
