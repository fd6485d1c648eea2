"""``listenwatch check`` against what real servers make of the same configurations: Debian's own, and their documentations' examples."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from listenwatch.pytest_plugin.calls import Calls, Listenwatch
from tests import ROOT
from tests.helpers.contract import fit
from tests.helpers.watching import LISTENWATCH, PATIENCE, needs, needs_kernel, redis_server
from tests.require import require

pytestmark = pytest.mark.kernel

HOST = "127.0.0.1"
SOMAXCONN = 300
"""Of the servers' namespace: what some of them ask for is less, and what others do is more."""
INSIDE = (
    f"echo {SOMAXCONN} > /proc/sys/net/core/somaxconn; mount -t tmpfs tmpfs /run; mkdir -p /run/haproxy; "
    'ip link set lo up; exec "$@"'
)
Make = Callable[[Path, str], tuple[Path, list[str]]]
"""Writes a configuration (of no text: finds Debian's) and says what runs a server by it."""


@pytest.fixture(autouse=True)
def _able() -> None:
    needs_kernel()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder other users can be given; pytest's own lies where they cannot look."""
    with tempfile.TemporaryDirectory(prefix="check-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def server(name: str) -> str:
    """The path of an installed server, else a skip with its name."""
    path = shutil.which(name, path="/usr/sbin:/usr/bin")
    require("servers", path is not None, f"{name} is not installed")
    assert path is not None
    return path


def debian_s(path: str) -> Path:
    """A configuration that a package brings."""
    require("servers", Path(path).exists(), f"there is no {path}")
    return Path(path)


def nginx(folder: Path, text: str) -> tuple[Path, list[str]]:
    if text.startswith("/"):
        path, options = debian_s(text), ["-g", "daemon off;"]
    else:
        path, options = folder / "nginx.conf", []
        path.write_text(f"daemon off; pid {folder}/pid; events {{}}\nhttp {{ access_log off;\n{text}\n}}\n".replace("FOLDER", str(folder)))
    return path, [server("nginx"), "-e", "stderr", "-c", str(path), *options]


def redis(folder: Path, text: str) -> tuple[Path, list[str]]:
    path = folder / "redis.conf"
    path.write_text(f"dir {folder}\nsave \"\"\n{text}\n".replace("FOLDER", str(folder)))
    (folder / "more.conf").write_text("tcp-backlog 77\n")
    return path, [redis_server(folder), str(path)]


def haproxy(folder: Path, text: str) -> tuple[Path, list[str]]:
    path = folder / "haproxy.cfg"
    if text.startswith("/"):
        first = debian_s(text)  # which has no listener: HAProxy does not start by it alone
        shutil.copy(first, path)
        with path.open("a") as file:
            file.write("\nfrontend web\n    maxconn 2000\n    bind :8080\n")
    else:
        path.write_text(f"defaults\n    mode tcp\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n{text}\n")
    return path, [server("haproxy"), "-db", "-f", str(path)]


def postgres(folder: Path, text: str) -> tuple[Path, list[str]]:
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    require("servers", bool(programs), "postgres is not installed")
    become = [needs("setpriv"), "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    null = subprocess.run([*become, "sh", "-c", "exec <>/dev/null"], stderr=subprocess.PIPE, text=True, check=False)
    require("servers", null.returncode == 0, f"user postgres cannot run a program here: {null.stderr.strip()}")
    data = folder / "postgresql" / programs[-1].parent.name / "data"  # the release stands in the path, as in Debian's
    data.mkdir(parents=True)
    for path in (folder, data.parent.parent, data.parent, data):
        shutil.chown(path, "postgres", "postgres")
    data.chmod(0o700)
    subprocess.run([*become, programs[-1] / "initdb", "-N", "-A", "trust", "-D", data], cwd=folder, capture_output=True, check=True)
    with (data / "postgresql.conf").open("a") as file:
        file.write(f"unix_socket_directories = '{folder}'\n{text}\n")
    return data / "postgresql.conf", [*become, str(programs[-1] / "postgres"), "-D", str(data)]


CONFIGURATIONS: dict[str, tuple[Make, str]] = {
    "nginx-debian": (nginx, "/etc/nginx/nginx.conf"),
    "nginx-backlog": (nginx, "server { listen 127.0.0.1:8080 backlog=1024; }"),
    "nginx-small": (nginx, "server { listen 8080 backlog=64; }"),
    "nginx-ipv6": (nginx, "server { listen [::]:8080 ipv6only=on; listen 8081; }"),
    "nginx-unix": (nginx, "server { listen unix:FOLDER/nginx.sock backlog=20; }"),
    "nginx-shared": (nginx, "server { listen 8080; server_name a; } server { listen 8080 backlog=99; server_name b; }"),
    "nginx-no-listen": (nginx, "server { server_name localhost; }"),
    "redis-empty": (redis, ""),
    "redis-bind": (redis, "bind 127.0.0.1 -::1\nport 7000\ntcp-backlog 128"),
    "redis-unix": (redis, "port 0\nunixsocket FOLDER/redis.sock"),
    "redis-include": (redis, "tcp-backlog 5\nbind 127.0.0.1\ninclude FOLDER/more.conf"),
    "haproxy-debian": (haproxy, "/etc/haproxy/haproxy.cfg"),
    "haproxy-maxconn": (haproxy, "    maxconn 250\nfrontend a\n    bind 127.0.0.1:8080"),
    "haproxy-backlog": (haproxy, "    maxconn 250\n    backlog 44\nfrontend a\n    bind 127.0.0.1:8080\n    bind :8081 backlog 1000"),
    "haproxy-global": (haproxy, "global\n    maxconn 77\nfrontend a\n    bind 127.0.0.1:8080"),
    "haproxy-bind-maxconn": (haproxy, "listen a\n    maxconn 88\n    bind 127.0.0.1:8080 maxconn 66"),
    "haproxy-two": (haproxy, "listen a\n    maxconn 88\n    bind 127.0.0.1:8080,:::8081"),
    "haproxy-own": (haproxy, "    maxconn 250\nfrontend a\n    backlog 9\n    bind :8080\nfrontend b\n    bind :8081"),
    "postgres-debian": (postgres, ""),
    "postgres-few": (postgres, "max_connections = 20   # fewer\nlisten_addresses = '127.0.0.1'\nport = 5433"),
}


def checked(*arguments: str) -> list[dict[str, Any]]:
    """What ``check --json`` prints; its statuses are another test's."""
    done = subprocess.run([*LISTENWATCH, "check", "--json", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stderr
    return fit(done.stdout)


def run_inside(listenwatch: Listenwatch, command: list[str]) -> Calls:
    line = [needs("unshare"), "--net", "--mount", "sh", "-c", INSIDE, "sh", *command]
    return listenwatch.watch(line, attach="seccomp")


def plain(local: str) -> str:
    """HAProxy gives a socket of a path another name until it listens."""
    return re.sub(r"\.\d+\.tmp$", "", local)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_what_is_said_is_what_the_server_gets(name: str, folder: Path, listenwatch: Listenwatch) -> None:
    make, text = CONFIGURATIONS[name]
    path, command = make(folder, text)
    said = {line["local"]: (line["asked"], line["stored"]) for line in checked("--somaxconn", str(SOMAXCONN), str(path))}
    assert said
    with run_inside(listenwatch, command) as calls:
        stored: dict[str, tuple[int | None, int | None]] = {}
        while stored.keys() != said.keys():
            call = calls.wait(timeout=PATIENCE)
            assert call.agrees and call.somaxconn == SOMAXCONN
            stored[plain(call.local)] = call.asked, call.stored
    assert stored == said


# -- a server that runs


def test_a_configuration_that_the_running_server_has_not_taken(folder: Path, listenwatch: Listenwatch) -> None:
    """nginx listens again with another backlog only where it is told to read its configuration again."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    path, command = nginx(folder, f"server {{ listen {HOST}:{port}; }}")

    def said() -> tuple[int, list[tuple[int, int, str]]]:
        line = [*LISTENWATCH, "check", "--json", "--pid", str(calls.process.pid), str(path)]
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
        return done.returncode, [(each["asked"], each["kept"], each["state"]) for each in fit(done.stdout)]

    with listenwatch.watch(command, attach="seccomp") as calls:
        while calls.wait(port=port, timeout=PATIENCE).call.pre.max_ack_backlog == 0:
            pass  # nginx listens twice as it starts
        assert said() == (0, [(511, 511, "same")])
        path.write_text(path.read_text().replace(f":{port};", f":{port} backlog=64;"))
        assert said() == (1, [(64, 511, "differs")])
        os.kill(calls.process.pid, signal.SIGHUP)
        assert calls.wait(port=port, timeout=PATIENCE).stored == 64
        assert said() == (0, [(64, 64, "same")])
        path.write_text(path.read_text().replace(f":{port}", f":{port + 1}"))
        assert said()[1][0][2] == "not-listening"
