"""What is said of listeners found on a machine: diagnosis, advice, servers, identity, the screen."""

from __future__ import annotations

import errno
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenwatch.linux import netlink
from listenwatch.linux.cgroup_owner import NOBODY, Container, Owner
from listenwatch.linux.netns import Namespace
from listenwatch.linux.processes import Process, describe, find_holders
from listenwatch.linux.sock_diag import Listener, absent_handlers, listeners
from listenwatch.linux.text_width import width_of_text
from listenwatch.model.kernels import behaviour_for
from listenwatch.report.sockets import as_text
from listenwatch.sockets.advice import advise
from listenwatch.sockets.diagnosis import Diagnosis, Finding, diagnose
from listenwatch.sockets.inventory import ListenerRow, take
from listenwatch.sockets.look import DiagnosedListener
from listenwatch.sockets.servers import known_server

VERSION = (6, 18, 0)
DOCKER = Owner(container=Container("docker", 64 * "0"))
ELSEWHERE = Namespace(4026532000, Path("/proc/12/ns/net"))


def row(
    limit: int,
    somaxconn: int | None,
    *,
    name: str = "server",
    queue: int = 0,
    group: int = 1,
    owner: Owner = NOBODY,
    protocol: str = "tcp",
) -> ListenerRow:
    listener = Listener(protocol, 2, "0.0.0.0", 80, 0, queue, limit, 5, 6, 0)
    holder = Process(12, 1.0, name, f"/usr/bin/{name}", 12, owner)
    return ListenerRow(listener, ELSEWHERE, somaxconn, (holder,), group)


def findings(one: ListenerRow, asked: int | None = None) -> list[Finding]:
    return list(diagnose(one, behaviour_for(VERSION), asked).reasons)


@pytest.mark.parametrize(
    ("limit", "somaxconn", "asked", "expected"),
    [
        (100, 4096, 100, [Finding.OWN]),
        (128, 128, 511, [Finding.CLAMPED]),
        (128, 4096, 511, [Finding.STALE]),
        (128, 4096, 128, [Finding.OWN]),
        (128, 4096, -1, [Finding.STALE]),
        (4096, 4096, -1, [Finding.CLAMPED]),
        (511, 128, 511, [Finding.LOWERED]),
        (128, 129, 4096, [Finding.STALE]),
        (0, 4096, 0, [Finding.LIMIT_0]),
        (0, 4096, 5, [Finding.LIMIT_0, Finding.STALE]),
        (128, None, 128, [Finding.UNKNOWN]),
    ],
)
def test_with_the_call_seen_it_is_certain(
    limit: int, somaxconn: int | None, asked: int, expected: list[Finding]
) -> None:
    assert findings(row(limit, somaxconn), asked) == expected


@pytest.mark.parametrize(
    ("limit", "somaxconn", "name", "expected"),
    [
        (128, 4096, "server", Finding.OWN),
        (128, 128, "server", Finding.AT_SOMAXCONN),
        (128, 4096, "sshd", Finding.OWN),
        (128, 4096, "redis-server", Finding.LIKELY_STALE),
        (128, 128, "redis-server", Finding.LIKELY_CLAMPED),
        (511, 4096, "redis-server", Finding.OWN),
        (511, 511, "redis-server", Finding.AT_SOMAXCONN),
        (1024, 4096, "redis-server", Finding.OWN),
    ],
)
def test_without_it_a_default_makes_it_likely_and_never_certain(
    limit: int, somaxconn: int, name: str, expected: Finding
) -> None:
    assert findings(row(limit, somaxconn, name=name)) == [expected]


@pytest.mark.parametrize(("queue", "full"), [(4, False), (5, False), (6, True)])
def test_full_is_one_more_than_the_limit(queue: int, full: bool) -> None:
    assert (Finding.FULL in findings(row(5, 4096, queue=queue))) is full


def test_a_group_has_a_queue_each() -> None:
    reasons = diagnose(row(5, 4096, group=3), behaviour_for(VERSION)).reasons
    assert reasons[Finding.GROUP].startswith("3 sockets share the address")


@pytest.mark.parametrize(
    ("name", "command", "expected"),
    [
        ("nginx", "nginx: master process /usr/sbin/nginx", "nginx"),
        ("redis-server", "redis-server *:6379", "redis"),
        ("php-fpm8.2", "php-fpm: master process (/etc/php/fpm.conf)", "PHP-FPM"),
        ("postgres", "postgres: checkpointer", "PostgreSQL"),
        ("python3", "/usr/bin/python3 /usr/bin/gunicorn app", "gunicorn"),
        ("python3", "/usr/bin/python3 -m uvicorn app:app", "uvicorn"),
        ("python3", "/usr/bin/python3 -c nginx", None),
        ("nginxish", "nginxish", None),
        ("", "", None),
    ],
)
def test_known_servers(name: str, command: str, expected: str | None) -> None:
    server = known_server(name, command)
    assert (server.name if server else None) == expected


def advice(one: ListenerRow, asked: int | None = None) -> tuple[str, ...]:
    found = advise(one, diagnose(one, behaviour_for(VERSION), asked), VERSION, asked)
    return (*found.steps, found.prediction or "") if found else ()


def test_a_listener_at_rest_gets_no_advice() -> None:
    assert advice(row(100, 4096)) == ()


def test_advice_for_a_clamped_server_names_the_sysctl_and_not_the_setting() -> None:
    steps = advice(row(128, 128, name="redis-server"))
    assert steps == (
        "in its network namespace: nsenter -t 12 -n sysctl -w net.core.somaxconn=511",
        "restart it",
        "listen(511) with somaxconn 511 stores 511: 512 connections wait, now 129",
    )


def test_advice_for_a_stale_one_is_to_listen_again() -> None:
    steps = advice(row(128, 4096), asked=1000)
    assert steps[0] == "restart it, or let it listen() again"
    assert "listen(1000) with somaxconn 4096 stores 1000: 1001 connections wait" in steps[1]


def test_advice_for_a_full_one_with_a_limit_of_its_own_names_the_setting() -> None:
    steps = advice(row(511, 4096, name="nginx", queue=512))
    assert steps[0] == "nginx: listen ... backlog=4096; in nginx.conf"
    assert "stores 4096: 4097 connections wait, now 512" in steps[-1]


def test_advice_for_a_program_nobody_knows_has_no_number_nobody_gave() -> None:
    assert advice(row(3, 4096, queue=4)) == (
        "server: pass more than 3 to listen(); net.core.somaxconn lets it have 4096",
        "restart it, or let it listen() again", "",
    )  # fmt: skip
    assert advice(row(128, 128, queue=129)) == (
        "with a NUMBER above 128: in its network namespace: nsenter -t 12 -n sysctl -w net.core.somaxconn=NUMBER",
        "server: pass more than 128 to listen(), unless it does", "restart it, or let it listen() again", "",
    )  # fmt: skip
    assert "listen(1000) with somaxconn 1000" in advice(row(128, 128), asked=1000)[-1]  # it gave one


def test_advice_in_a_container_names_the_flag() -> None:
    steps = advice(row(128, 128, name="node", owner=DOCKER))
    assert "run --sysctl net.core.somaxconn=511" in steps[0] and "nsenter -t 12" in steps[0]


def shown(*rows: ListenerRow, width: int | None = None, asked: int | None = None) -> str:
    listeners = []
    for each in rows:
        diagnosis: Diagnosis = diagnose(each, behaviour_for(VERSION), asked)
        listeners.append(DiagnosedListener(each, diagnosis, asked, advise(each, diagnosis, VERSION, None)))
    return "\n".join(as_text(listeners, colour=True, width=width))


@pytest.mark.parametrize("name", ["\x1b[2Jevil", "bad\udcff", "‮reversed", "x" * 4096, "a\nb"])
def test_hostile_names_cannot_steer_the_terminal(name: str) -> None:
    for width in (80, 100, 200, None):
        text = shown(row(0, 4096, name=name, queue=1, owner=Owner(container=Container("", 64 * "0", "\x1b[0m"))), width=width)
        plain = re.sub(r"\x1b\[(31m|33m|0m)", "", text)
        assert all(c.isprintable() for c in plain.replace("\n", ""))
        assert all(len(line) <= (width or 1000) for line in plain.split("\n"))


IPV6 = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]"


@pytest.mark.parametrize("width", [80, 100, 200, None])
def test_no_line_wraps_and_identifiers_are_whole(width: int | None) -> None:
    names = ("nginx", "redis-server", "systemd-resolved", "漢字漢字漢字")
    rows = [row(128, 128, name=name, queue=129, owner=Owner(container=Container("docker", "0123456789ab" + 52 * "0"))) for name in names]
    rows.append(rows[0]._replace(listener=rows[0].listener._replace(address=IPV6, port=65535, protocol="mptcp6")))
    path = "/run/user/1000/a/rather/long/way/to/the/socket/of/it.sock"
    rows.append(rows[0]._replace(listener=rows[0].listener._replace(address=path, port=0, protocol="unix")))
    text = shown(*rows, width=width, asked=4096)
    if width:
        assert max(map(width_of_text, text.split("\n"))) <= width
    assert all(name in text for name in (*names, f"{IPV6}:65535", "0123456789ab"))
    table = text[: text.index("Advice")]
    assert (path in table) is (width in (200, None)) and "/it.sock" in table
    words = next(line for line in table.split("\n") if "DIAGNOSIS" in line).split()
    assert words == {
        80: ["PID", "COMMAND", "LOCAL", "QUEUE", "LIMIT", "DIAGNOSIS"],  # the others are all the same
        100: ["PID", "COMMAND", "PROTO", "LOCAL", "QUEUE", "LIMIT", "ASKED", "DIAGNOSIS"],
    }.get(width or 0, ["PID", "COMMAND", "PROTO", "LOCAL", "QUEUE", "CAPACITY", "LIMIT", "ASKED", "DIAGNOSIS"])


def test_a_socket_nobody_can_be_found_for_is_unknown() -> None:
    text = shown(row(5, 4096)._replace(holders=()))
    assert "  ? unknown" in text


def test_describe_knows_this_process_and_not_one_that_ended() -> None:
    process = describe(os.getpid())
    assert process and process.pid == os.getpid() and process.start > 0
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
        assert describe(child.pid) is None


def test_holders_of_a_socket_are_found_once_each() -> None:
    with socket.socket() as sock, sock.dup():
        inode = os.fstat(sock.fileno()).st_ino
        holders = find_holders([inode, 0]).by_inode
    assert [process.pid for process in holders[inode]] == [os.getpid()]
    assert 0 not in holders


def refusing_dump(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(_body: bytes) -> Iterator[bytes]:
        raise OSError(code, f"sock_diag: {os.strerror(code)}")

    monkeypatch.setattr(netlink, "dump", refuse)


@pytest.mark.parametrize("code", [errno.ENOENT, errno.EINVAL, errno.EOPNOTSUPP])
def test_a_kernel_without_a_protocol_has_no_listeners_of_it(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    refusing_dump(monkeypatch, code)
    assert listeners() == []
    assert absent_handlers() == ["tcp_diag", "unix_diag"]
    assert take().unseen[-2:] == [
        "what tcp_diag lists: load that module, if the kernel has it",
        "what unix_diag lists: load that module, if the kernel has it",
    ]


def test_any_other_refusal_of_a_dump_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing_dump(monkeypatch, errno.EPERM)
    with pytest.raises(OSError, match="sock_diag: Operation not permitted"):
        listeners()
