"""Configurations as files: what each reader takes from them, and one line for what is none."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listenwatch.configs.declared import LibraryMissing, Origin
from listenwatch.configs.reading import READERS, declared, kind_of
from listenwatch.errors import UsageError

Said = list[tuple[str, str, int | None, str]]


def said(folder: Path, name: str, text: str) -> Said:
    """Family, address, backlog and its origin, of each listener."""
    path = folder / name
    path.write_text(text)
    return [(each.family, each.local, each.backlog, each.origin.value) for each in declared(path)]


# What real servers make of their configurations is in tests/kernel/test_check.py; here is what those do not show.


def test_nginx(tmp_path: Path) -> None:
    (tmp_path / "more.conf").write_text("server {\n  listen 81 quic;\n  listen localhost:82 backlog=-1;\n  listen [::1];\n}\n")
    path = tmp_path / "nginx.conf"
    path.write_text("events {}\nhttp { include more.conf; }\nstream { server { listen 53 udp; listen 853; } }\n")
    listeners = declared(path)
    assert [(each.local, each.backlog) for each in listeners] == [
        ("localhost:82", -1), ("[::1]:80", 511), ("0.0.0.0:853", 511),
    ]  # fmt: skip
    assert (listeners[0].where.file, listeners[0].where.line) == (str(tmp_path / "more.conf"), 3)


def test_redis(tmp_path: Path) -> None:
    text = "# tcp-backlog 1\nport 0\ntls-port 6380\nbind 10.0.0.1\ntcp-backlog 9000\n"
    assert said(tmp_path, "redis.conf", text) == [("tcp", "10.0.0.1:6380", 9000, "given")]
    (tmp_path / "valkey.conf").write_text("include valkey.conf\n")
    with pytest.raises(UsageError, match=r"valkey.conf:1: it includes itself"):
        declared(tmp_path / "valkey.conf")


def test_haproxy(tmp_path: Path) -> None:
    text = """
global
    stats socket /run/a.sock mode 660 backlog 3
defaults a
    maxconn 5
frontend x
    bind unix@/run/x.sock,abns@name
    bind fd@3
    bind quic4@:443
    bind ipv6@:8000-8003 backlog 7
defaults b
frontend y
    bind :80 ssl crt /etc/x.pem
"""
    assert said(tmp_path, "haproxy.cfg", text) == [
        ("unix", "/run/a.sock", 3, "given"), ("unix", "/run/x.sock", 5, "setting"), ("unix", "@name", 5, "setting"),
        ("tcp6", "[::]:8000", 7, "given"), ("tcp", "0.0.0.0:80", None, "unknown"),
    ]  # fmt: skip


def test_postgres_of_each_kind(tmp_path: Path) -> None:
    folder = tmp_path / "postgresql" / "15"
    folder.mkdir(parents=True)
    text = "max_connections = 10000 # many\nlisten_addresses = '*'\nunix_socket_directories = ''\n"
    assert said(folder, "postgresql.conf", text) == [("tcp", "0.0.0.0:5432", 10_000, "setting")]
    assert said(tmp_path, "postgresql.conf", text) == [("tcp", "0.0.0.0:5432", 20_000, "setting")]


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("redis.conf", "port 6379\ntcp-backlog 2048\n", [2, 2]),
        ("redis.conf", "\nport 6379\nbind ::1\n", [2]),
        ("nginx.conf", "http {\n server { listen 80; }\n server { listen 80\n backlog=9; }\n}\n", [3]),
        ("haproxy.cfg", "global\n maxconn 5\ndefaults\n backlog 7\nfrontend a\n bind :80\n bind :81 backlog 8\n", [4, 7]),
        ("haproxy.cfg", "global\n maxconn 5\nfrontend a\n bind :80\nfrontend b\n maxconn 6\n bind :81 maxconn 4\n bind :82\n", [2, 7, 6]),
        ("haproxy.cfg", "frontend a\n bind :80\n", [2]),
        ("postgresql.conf", "port = 5433\nmax_connections = 20\nunix_socket_directories = ''\n", [2]),
    ],
)
def test_the_line_is_that_of_the_backlog(name: str, text: str, lines: list[int], tmp_path: Path) -> None:
    """Else of what decides it; else of the listener."""
    path = tmp_path / name
    path.write_text(text)
    assert [each.where.line for each in declared(path)] == lines


def test_systemd(tmp_path: Path) -> None:
    text = "[Socket]\nListenStream=/gone\nListenStream=\nListenStream=80\nListenStream=127.0.0.1:81\nListenSequentialPacket=@a\nListenDatagram=82\n"
    addresses = [("tcp6", "[::]:80"), ("tcp", "127.0.0.1:81"), ("unix", "@a")]
    assert said(tmp_path, "a.socket", text) == [(*each, 2**32 - 1, "default") for each in addresses]
    assert said(tmp_path, "b.socket", text + "Backlog=64\n") == [(*each, 64, "given") for each in addresses]


COMPOSE = """
services:
  web: {image: "nginx:1.27", sysctls: {net.core.somaxconn: 128}}
  cache: {image: "docker.io/library/redis:7@sha256:abc", sysctls: ["net.core.somaxconn=1024"]}
  app: {build: ., network_mode: host}
"""
MANIFESTS = """
apiVersion: apps/v1
kind: Deployment
spec: {template: {spec: {securityContext: {sysctls: [{name: net.core.somaxconn, value: "200"}]}, containers: [{name: a, image: httpd}]}}}
---
kind: CronJob
spec: {jobTemplate: {spec: {template: {spec: {hostNetwork: true, containers: [{name: b, image: "quay.io/me/app"}]}}}}}
---
kind: List
items: [{kind: Pod, spec: {containers: [{name: c, image: memcached}]}}]
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (COMPOSE, [("nginx", 511, 128, True), ("redis", 511, 1024, True), ("app", None, None, False)]),
        (MANIFESTS, [("Apache httpd", 511, 200, True), ("quay.io/me/app", None, None, False), ("memcached", 1024, None, True)]),
    ],
    ids=["compose", "kubernetes"],
)
def test_containers(text: str, expected: list[tuple[str, int | None, int | None, bool]], tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    assert [(each.server, each.backlog, each.somaxconn, each.in_container) for each in declared(path)] == expected


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("nginx.conf", "http { server { listen 80 }", "nginx.conf:1: no configuration of nginx: directive \"listen\" is not terminated"),
        ("nginx.conf", "http { include /no/where.conf; }", "nginx.conf:1: no configuration of nginx: .*No such file"),
        ("nginx.conf", "http { server { listen 80 backlog=many; } }", "nginx.conf:1: backlog is no number that listen.. takes: 'many'"),
        ("redis.conf", "port 99999", "redis.conf:1: port is no number"),
        ("redis.conf", "bind \"127.0.0.1", "redis.conf:1: No closing quotation"),
        ("haproxy.cfg", "bind :80", "haproxy.cfg:1: not HAProxy's: 'bind' before any section"),
        ("haproxy.cfg", "defaults\n  maxconn x", "haproxy.cfg:2: maxconn is no number"),
        ("postgresql.conf", "max_connections = x", "postgresql.conf:1: max_connections is no number"),
        ("a.socket", "ListenStream=80", "a.socket: no systemd unit: File contains no section headers"),
        ("a.socket", "[Service]\nExecStart=x", "there is no section .Socket."),
        ("a.yaml", "a: [", "a.yaml:1: no YAML: "),
        ("a.yaml", "a: 1", "neither services of a compose file nor containers of a Kubernetes manifest"),
        ("a.yaml", "services: {a: {sysctls: {net.core.somaxconn: -1}}}", "net.core.somaxconn is no number"),
        ("what", "ever", "what: not known whose configuration this is: say it by --as nginx, redis"),
    ],
)
def test_what_is_no_configuration_is_one_line(name: str, text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message) as error:
        said(tmp_path, name, text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[Socket]\n", "systemd"), ("  tcp-backlog 511\n", "redis"), ("#max_connections = 100\n", "postgres"),
        ("http {\n", "nginx"), ("defaults\n  mode http\n", "haproxy"),
    ],
)  # fmt: skip
def test_what_is_in_it_says_whose_it_is(text: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "conf"
    path.write_text(text)
    assert kind_of(path) == kind


@pytest.mark.parametrize(("name", "library"), [("nginx.conf", "crossplane"), ("a.yml", "yaml")])
def test_a_library_that_is_missing_is_named(name: str, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(LibraryMissing, match=r"pip install 'listenwatch\[check\]'"):
        said(tmp_path, name, "")


PIECES = st.sampled_from([
    "server", "{", "}", ";", "listen", "80", "backlog=", "[Socket]", "ListenStream=", "\n", " ", ":", "- ", "services", "sysctls", "spec", "template",
    "containers", "bind", "frontend a", "maxconn", "port", "include", "'", '"', "[", "]", "\0", "9" * 5000, "kind", "max_connections =", "*", "é",
])  # fmt: skip


@pytest.mark.parametrize("kind", READERS)
def test_whatever_is_in_a_file(kind: str, tmp_path: Path) -> None:
    """It is read, or there is one line about it."""
    path = tmp_path / "file"

    @given(st.lists(PIECES, max_size=20).map("".join))
    @settings(max_examples=100)
    def reads(text: str) -> None:
        path.write_text(text)
        try:
            declared(path, kind)
        except UsageError as error:
            assert "\n" not in str(error)

    reads()
    path.write_bytes(bytes(range(256)))
    with contextlib.suppress(UsageError):
        declared(path, kind)


def test_every_origin_has_its_word() -> None:
    assert [origin.value for origin in Origin] == ["given", "setting", "default", "unknown"]
