"""What is said of listeners found on a machine: diagnosis, advice, servers, identity, the screen."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pyroute2.netlink.diag import DiagSocket
from pyroute2.netlink.exceptions import NetlinkError

from listenwatch.advice import advise
from listenwatch.model.eras import behaviour_for
from listenwatch.report.sockets import Shown, as_text
from listenwatch.sockets.diag import Listener, listeners
from listenwatch.sockets.diagnosis import Diagnosis, Finding, diagnose
from listenwatch.sockets.inventory import Row
from listenwatch.sockets.namespaces import Namespace
from listenwatch.sockets.processes import Process, describe, find_holders, place
from listenwatch.sockets.servers import known_server

VERSION = (6, 18, 0)
ELSEWHERE = Namespace(4026532000, Path("/proc/12/ns/net"))


def row(
    limit: int,
    somaxconn: int | None,
    *,
    name: str = "server",
    queue: int = 0,
    group: int = 1,
    where: str = "",
    protocol: str = "tcp",
) -> Row:
    listener = Listener(protocol, 2, "0.0.0.0", 80, 0, queue, limit, 5, 6, 0)
    holder = Process(12, 1.0, name, f"/usr/bin/{name}", 12, where)
    return Row(listener, ELSEWHERE, somaxconn, (holder,), group)


def findings(one: Row, asked: int | None = None) -> list[Finding]:
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


@pytest.mark.parametrize(
    ("cgroup", "expected"),
    [
        ("0::/system.slice/nginx.service\n", "nginx.service"),
        ("0::/system.slice/docker-" + 64 * "a" + ".scope\n", "container aaaaaaaaaaaa"),
        ("5:pids:/docker/" + 64 * "b" + "\n0::/\n", "container bbbbbbbbbbbb"),
        ("0::/machine.slice/libpod-" + 64 * "c" + ".scope/container\n", "container cccccccccccc"),
        (
            "0::/kubepods.slice/kubepods-podx.slice/cri-containerd-" + 64 * "d" + ".scope\n",
            "container dddddddddddd",
        ),
        ("4:cpu:/kubepods/besteffort/pod1-2/" + 64 * "e" + "\n", "container eeeeeeeeeeee"),
        ("0::/user.slice/user-0.slice/session-3.scope\n", "session-3.scope"),
        ("0::/\n", ""),
        ("", ""),
    ],
)
def test_container_or_unit(cgroup: str, expected: str) -> None:
    assert place(cgroup) == expected


def advice(one: Row, asked: int | None = None) -> tuple[str, ...]:
    found = advise(one, diagnose(one, behaviour_for(VERSION), asked), VERSION, asked)
    return (*found.steps, found.prediction) if found else ()


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


def test_advice_in_a_container_names_the_flag() -> None:
    steps = advice(row(128, 128, name="node", where="container 0123456789ab"))
    assert "run --sysctl net.core.somaxconn=511" in steps[0] and "nsenter -t 12" in steps[0]


def shown(one: Row) -> str:
    diagnosis: Diagnosis = diagnose(one, behaviour_for(VERSION))
    return "\n".join(as_text([Shown(one, diagnosis, None, advise(one, diagnosis, VERSION, None))], colour=False))


@pytest.mark.parametrize("name", ["\x1b[2Jevil", "bad\udcff", "‮reversed", "x" * 4096, "a\nb"])
def test_hostile_names_cannot_steer_the_terminal(name: str) -> None:
    text = shown(row(0, 4096, name=name, queue=1, where="container \x1b[0m"))
    assert all(c.isprintable() for c in text.replace("\n", ""))
    assert all(len(line) <= 100 for line in text.split("\n"))


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
    def refuse(*_: object) -> None:
        raise NetlinkError(code)

    monkeypatch.setattr(DiagSocket, "nlm_request", refuse)


@pytest.mark.parametrize("code", [errno.ENOENT, errno.EINVAL, errno.EOPNOTSUPP])
def test_a_kernel_without_a_protocol_has_no_listeners_of_it(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    refusing_dump(monkeypatch, code)
    assert listeners() == []


def test_any_other_refusal_of_a_dump_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing_dump(monkeypatch, errno.EPERM)
    with pytest.raises(OSError, match="sock_diag: Operation not permitted"):
        listeners()
