"""Which listeners a look shows, in which order, and with what a recording says they asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from listenwatch.errors import UsageError
from listenwatch.linux.cgroup_owner import NOBODY, Container, Owner
from listenwatch.linux.netns import Namespace
from listenwatch.linux.owner_filter import OwnerFilter
from listenwatch.linux.processes import Process
from listenwatch.linux.sock_diag import Listener
from listenwatch.sockets import look as looking
from listenwatch.sockets.asked import AskedBacklogs
from listenwatch.sockets.inventory import Inventory, ListenerRow
from listenwatch.sockets.listener_filter import ListenerFilter
from listenwatch.sockets.look import look
from listenwatch.sockets.socket_units import SocketUnit

VERSION = (6, 18, 0)
OWN, OTHER = Namespace(100, Path("/proc/thread-self/ns/net")), Namespace(99, Path("/proc/12/ns/net"))


def row(
    port: int, queue: int, limit: int, namespace: Namespace, name: str,
    owner: Owner = NOBODY, unit: SocketUnit | None = None,
) -> ListenerRow:  # fmt: skip
    listener = Listener("tcp", 2, "0.0.0.0", port, 0, queue, limit, port, port, 0)
    return ListenerRow(listener, namespace, 4096, (Process(port, 1.0, name, name, port, owner),), 1, unit)


ROWS = [
    row(80, 0, 128, OTHER, "nginx"),  # less than its usual 511
    row(22, 0, 128, OWN, "sshd", Owner("ssh.service")),
    row(443, 5, 4, OWN, "proxy", Owner(container=Container("podman", 64 * "a", "web"))),
    row(25, 1, 4096, OWN, "mail", Owner("init.scope"), SocketUnit("mail.socket", 4294967295, "mail.service")),
]


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def take(wanted: Callable[[Namespace], bool]) -> Inventory:
        return Inventory([row for row in ROWS if wanted(row.namespace)], ["something"], 2)

    monkeypatch.setattr(looking, "take", take)


def ports(*having: str, order: str = "netns", **wanted: object) -> list[int]:
    seen = look(VERSION, ListenerFilter(**wanted), having=having, order=order)  # type: ignore[arg-type]
    assert (seen.unseen, seen.ended) == (["something"], 2)
    return [listener.row.listener.port for listener in seen.listeners]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("netns", [22, 25, 443, 80]),
        ("queue", [443, 25, 22, 80]),
        ("limit", [443, 22, 80, 25]),
        ("port", [22, 25, 80, 443]),
        ("pid", [22, 25, 80, 443]),
    ],
)
def test_the_order(order: str, expected: list[int]) -> None:
    assert ports(order=order) == expected


def test_one_word_for_several_findings() -> None:
    assert ports("full") == [443]
    assert ports("stale") == [80]
    assert ports("clamped") == [25]
    assert ports("full", "stale") == []


def test_a_filter_must_match_in_all() -> None:
    assert ports(pids=[22]) == ports(names=["ssh"]) == ports(ports=[22]) == [22]
    assert ports(pids=[22, 25]) == ports(names=["s*d", "mai?"]) == ports(ports=[22, 25]) == [22, 25]
    assert ports(names=["ss*", "m*"], ports=[25, 80]) == [25]
    assert ports(netns=99) == [80]
    assert ports(netns=99, ports=[22]) == []
    assert look(VERSION, ListenerFilter(ports=[1])).total == len(ROWS)


def test_units_and_containers() -> None:
    assert ports(owner=OwnerFilter(["ssh"])) == [22]
    assert ports(owner=OwnerFilter(["mail.socket"])) == [25]
    assert ports(owner=OwnerFilter(["init.scope"])) == [25]
    assert ports(owner=OwnerFilter(containers=["web"])) == [443]
    assert ports(owner=OwnerFilter(["ssh"], ["w*"])) == []


def test_a_recording_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="cannot read nowhere: No such file"):
        AskedBacklogs.read("nowhere")
