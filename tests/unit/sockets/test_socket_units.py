"""The .socket units of systemctl's own output, and the listeners of process 1 that were made for them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenwatch.linux.netns import Namespace
from listenwatch.linux.processes import Process
from listenwatch.linux.sock_diag import Listener
from listenwatch.model.kernels import behaviour_for
from listenwatch.report.listeners import row_owner_text
from listenwatch.report.listeners_json import socket_unit_object
from listenwatch.sockets import socket_units
from listenwatch.sockets.advice import advise
from listenwatch.sockets.diagnosis import Finding, diagnose
from listenwatch.sockets.inventory import ListenerRow
from listenwatch.sockets.socket_units import SocketUnit, by_address, socket_unit_of

SHOWN = """\
Backlog=2147483647
Listen=/run/systemd/journal/dev-log (Datagram)
Id=systemd-journald-dev-log.socket
Triggers=systemd-journald.service

Backlog=2147483647
Listen=audit 1 (Netlink)
Id=systemd-journald-audit.socket
Triggers=systemd-journald.service

Backlog=64
Listen=127.0.0.1:9000 (Stream)
Listen=/run/echo.sock (Stream)
Listen=@echo-abstract (Stream)
Listen=/run/echo-seq.sock (SequentialPacket)
Listen=127.0.0.1:9001 (Datagram)
Id=echo.socket
Triggers=echo.service

Backlog=2147483647
Listen=/run/dbus/system_bus_socket (Stream)
Id=dbus.socket
Triggers=dbus.service

Backlog=2147483647
Listen=[::]:22 (Stream)
Id=ssh.socket
Triggers=ssh.service
"""
"""``systemctl show '*.socket' --property=Id,Listen,Backlog,Triggers`` of systemd 252 on Debian 12, shortened."""
SSH = SocketUnit("ssh.socket", 2147483647, "ssh.service")
ECHO = SocketUnit("echo.socket", 64, "echo.service")
INIT, SSHD = Process(1, 1.0, "systemd", "/sbin/init", 1), Process(40, 1.0, "sshd", "sshd: /usr/sbin/sshd", 40)


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A machine that systemd runs, where systemctl says SHOWN."""
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f"#!/bin/sh\ncat <<'END'\n{SHOWN}END\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(socket_units, "BOOTED", tmp_path)
    socket_units._known.cache_clear()
    yield
    socket_units._known.cache_clear()


def test_each_address_that_somebody_may_connect_to() -> None:
    dbus = SocketUnit("dbus.socket", 2147483647, "dbus.service")
    assert by_address(SHOWN) == {
        "127.0.0.1:9000": ECHO, "/run/echo.sock": ECHO, "@echo-abstract": ECHO, "/run/echo-seq.sock": ECHO,
        "/run/dbus/system_bus_socket": dbus, "[::]:22": SSH,
    }  # fmt: skip


@pytest.mark.parametrize("shown", ["", "\n\n", "Failed to connect to bus", "Id=a.socket\nListen=x (Stream)", "Backlog=-1\nId=a.socket\nListen=x (Stream)"])
def test_what_is_no_unit_is_none(shown: str) -> None:
    assert by_address(shown) == {}


def test_an_address_of_two_units_tells_neither() -> None:
    other = SHOWN.replace("ssh.socket", "other.socket")
    assert "[::]:22" not in by_address(f"{SHOWN}\n{other}")


def test_a_unit_that_starts_nothing() -> None:
    assert by_address(SHOWN.replace("Triggers=ssh.service", "Triggers="))["[::]:22"].service == ""


def test_only_process_1_listens_for_units() -> None:
    assert socket_unit_of("[::]:22", [INIT, SSHD]) == SSH
    assert socket_unit_of("[::]:22", [SSHD]) is None
    assert socket_unit_of("[::]:23", [INIT]) is None
    assert socket_unit_of("[::]:22", []) is None


def test_without_systemd_it_is_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(socket_units, "BOOTED", tmp_path / "none")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("asked"))
    assert socket_unit_of("[::]:22", [INIT]) is None


@pytest.mark.parametrize("error", [OSError, subprocess.TimeoutExpired("systemctl", 5)])
def test_one_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def run(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(subprocess, "run", run)
    assert socket_unit_of("[::]:22", [INIT]) is None


def test_no_systemctl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert socket_unit_of("[::]:22", [INIT]) is None


def row(limit: int, unit: SocketUnit, somaxconn: int = 4096) -> ListenerRow:
    listener = Listener("tcp", 2, "127.0.0.1", 9000, 0, 0, limit, 5, 6, 0)
    here = Namespace(100, Path("/proc/thread-self/ns/net"))
    return ListenerRow(listener, here, somaxconn, (INIT, SSHD), 1, unit)


def test_the_unit_is_named_and_its_backlog_is_what_to_change() -> None:
    each = row(64, ECHO)
    diagnosis = diagnose(each, behaviour_for((6, 1, 0)))
    assert list(diagnosis.reasons) == [Finding.OWN]
    advice = advise(each, diagnosis, (6, 1, 0), None, overflowed=True)
    assert advice and advice.steps == (
        "echo.socket: Backlog=4096 (systemctl edit echo.socket)",
        "systemctl stop echo.socket echo.service; systemctl start echo.socket",
    )
    assert row_owner_text(each) == "echo.socket"
    assert socket_unit_object(ECHO) == {"name": "echo.socket", "backlog": 64, "service": "echo.service"}


def test_a_unit_that_asks_for_all_there_is_has_it() -> None:
    each = row(4096, SSH)
    diagnosis = diagnose(each, behaviour_for((6, 1, 0)))
    assert diagnosis.reasons == {Finding.AT_SOMAXCONN: "ssh.socket asks for as much as somaxconn allows: 4096"}
    assert advise(each, diagnosis, (6, 1, 0), None) is None
    assert list(diagnose(row(128, SSH), behaviour_for((6, 1, 0))).reasons) == [Finding.LIKELY_STALE]


def test_where_it_overflows_somaxconn_is_to_be_more_than_it_is() -> None:
    def steps(limit: int) -> tuple[str, ...]:
        each = row(limit, SSH, limit)
        advice = advise(each, diagnose(each, behaviour_for((6, 1, 0))), (6, 1, 0), None, overflowed=True)
        assert advice
        return advice.steps

    again = "systemctl stop ssh.socket ssh.service; systemctl start ssh.socket"
    keep = "(and a file in /etc/sysctl.d to keep it)"
    assert steps(128) == (f"sysctl -w net.core.somaxconn=4096 {keep}", again)
    assert steps(4096) == (f"with a NUMBER above 4096: sysctl -w net.core.somaxconn=NUMBER {keep}", again)
