"""The backlog that a listener asked for: the last call on its socket counts, and what is remembered is bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from listenwatch.call.record import ListenCall
from listenwatch.call.text import local_address, protocol_of
from listenwatch.linux.netns import Namespace
from listenwatch.linux.processes import Process
from listenwatch.linux.sock_diag import Listener
from listenwatch.sockets import asked
from listenwatch.sockets.asked import AskedBacklogs
from listenwatch.sockets.inventory import ListenerRow
from tests.helpers.calls import call

SOMAXCONN = 4096


def made(backlog: int, cookie: int = 7, pid: int = 1, port: int = 80) -> ListenCall:
    """A call that stored what it asked for."""
    like = call(backlog=backlog, pid=pid)
    post = like.post._replace(max_ack_backlog=backlog, local_port=port, source_port=port)
    return like._replace(socket_cookie=cookie, post=post, time_ns=2**62)


def row(limit: int, cookie: int = 7, pids: tuple[int, ...] = (1,), group: int = 1, port: int = 80) -> ListenerRow:
    like = made(limit, port=port)
    netns = Namespace(like.netns_inode, Path("/proc/1/ns/net"))
    address = local_address(like).rpartition(":")[0]
    listener = Listener(protocol_of(like.post), like.post.family, address, port, 0, 0, limit, cookie, cookie, 0)
    return ListenerRow(listener, netns, SOMAXCONN, tuple(Process(pid, 1.0, "x", "x", pid) for pid in pids), group)


def test_the_last_call_on_a_socket_counts_and_the_others_are_forgotten() -> None:
    backlogs = AskedBacklogs(made(number) for number in range(1000))
    assert backlogs.of(row(999)) == 999
    assert backlogs.of(row(5)) is None
    assert len(backlogs) == 1


def test_calls_whose_socket_is_not_known_are_kept_as_long_as_they_differ() -> None:
    backlogs = AskedBacklogs(made(backlog, cookie=0) for backlog in (5, 9, 5))
    assert len(backlogs) == 2
    assert backlogs.of(row(5)) == 5
    assert backlogs.of(row(5, group=2)) is None


def test_sockets_of_a_group_are_told_apart_by_their_process() -> None:
    backlogs = AskedBacklogs([made(5, cookie=0, pid=1), made(9, cookie=0, pid=2)])
    assert backlogs.of(row(9, pids=(2,), group=2)) == 9


def test_at_one_address_and_in_all_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "MOST", 10)
    monkeypatch.setattr(asked, "MOST_AT_ADDRESS", 3)
    backlogs = AskedBacklogs(made(5, cookie=cookie, port=port) for port in (80, 81, 82, 83, 84) for cookie in range(1, 10))
    assert len(backlogs) == 9
    assert backlogs.of(row(5, cookie=9, port=84)) == 5
    assert backlogs.of(row(5, cookie=1, port=84)) is None
    assert backlogs.of(row(5, cookie=9, port=80)) is None
