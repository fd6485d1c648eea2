"""What is made of the overflow probe's counts: names, the kernel's counters beside them, the screen."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.engines.overflow import Counted, Netns, Total
from listenwatch.overflow import ledger, listeners
from listenwatch.overflow.kinds import Kind
from listenwatch.overflow.ledger import RECONCILED, Ledger, Line
from listenwatch.overflow.listeners import Directory, Named, local_of
from listenwatch.report import overflow as report
from listenwatch.sockets.diag import Listener
from listenwatch.sockets.inventory import Row
from listenwatch.sockets.namespaces import Found, Namespace
from listenwatch.sockets.processes import Holders, Process

HERE = Namespace(100, Path("/proc/thread-self/ns/net"))
THERE = Namespace(200, Path("/proc/12/ns/net"))


def counted(
    address: str, port: int = 80, *, kind: Kind = Kind.SYN_ACCEPT_QUEUE_FULL, cookie: int = 0,
    sk: int = 0, netns: int = 100, netns_cookie: int = 0,
) -> Counted:  # fmt: skip
    if ":" in address:
        family, raw = socket.AF_INET6, socket.inet_pton(socket.AF_INET6, address)
    elif address[:1].isdigit():
        family, raw = socket.AF_INET, socket.inet_aton(address)
    else:
        family, raw = socket.AF_UNIX, address.encode()
        port = len(raw)
    return Counted(sk, netns_cookie, netns, port, family, kind, raw.ljust(112, b"\0"), 5, cookie, 3, 2, 1, 1, 4, 0)


def listener(
    address: str, port: int = 80, *, queue: int = 0, limit: int = 2, cookie: int = 1
) -> Listener:
    if address.startswith("["):
        return Listener("tcp6", 10, address, port, 0, queue, limit, cookie, cookie, 0)
    if address[:1].isdigit():
        return Listener("tcp", 2, address, port, 0, queue, limit, cookie, cookie, 0)
    return Listener("unix", 1, address, 0, 0, queue, limit, cookie, cookie, None)


def directory(
    monkeypatch: pytest.MonkeyPatch, here: list[Listener], there: list[Listener] | None = None
) -> Directory:
    """One that finds these; the process that holds a socket has its inode as pid."""
    namespaces = [HERE, THERE]
    found = {HERE: here, THERE: there or []}
    monkeypatch.setattr(listeners, "find_namespaces", lambda: Found(namespaces, 0))
    monkeypatch.setattr(
        listeners, "_look", lambda namespace: listeners.Here(namespace, 77, found[namespace], 4096)
    )
    monkeypatch.setattr(
        listeners,
        "find_holders",
        lambda inodes: Holders({i: (Process(i, 1.0, "n", "n", i, ""),) for i in inodes}, 0),
    )
    return Directory()


def cookie_of(named: Named) -> int | None:
    return named.row.listener.cookie if named.row else None


@pytest.mark.parametrize(
    ("to", "sockets", "expected"),
    [
        ("10.0.0.1", ["0.0.0.0", "10.0.0.1", "[::]"], "10.0.0.1"),
        ("10.0.0.1", ["[::]", "0.0.0.0"], "0.0.0.0"),
        ("10.0.0.1", ["[::]", "10.0.0.2"], "[::]"),
        ("10.0.0.1", ["[::ffff:a00:1]", "[::]"], "[::ffff:a00:1]"),
        ("fd00::1", ["0.0.0.0", "[::]"], "[::]"),
        ("fd00::1", ["[::]", "[fd00::1]"], "[fd00::1]"),
        ("fd00::1", ["0.0.0.0"], None),
        ("10.0.0.1", ["[fd00::1]", "10.0.0.2"], None),
    ],
)
def test_a_packet_finds_the_listener_the_kernel_would(
    monkeypatch: pytest.MonkeyPatch, to: str, sockets: list[str], expected: str | None
) -> None:
    here = [listener(each, cookie=number) for number, each in enumerate(sockets, 1)]
    (named,) = directory(monkeypatch, here).name([counted(to)])
    assert (named.row.listener.address if named.row else None) == expected
    assert named.one_of == 1


def test_the_port_counts_and_the_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    found = directory(monkeypatch, [listener("0.0.0.0", 81)], [listener("0.0.0.0", cookie=9)])
    here, there, gone = found.name(
        [counted("10.0.0.1"), counted("10.0.0.1", netns=200), counted("10.0.0.1", netns=300)]
    )
    assert (here.row, cookie_of(there), gone.row) == (None, 9, None)
    assert there.row and there.row.namespace == THERE


def test_another_namespace_of_the_same_number_is_not_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = directory(monkeypatch, [listener("0.0.0.0")])
    same, other = found.name([counted("1.1.1.1", netns_cookie=77), counted("1.1.1.1", netns_cookie=78)])
    assert (cookie_of(same), other.row) == (1, None)


def test_a_cookie_goes_before_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    found = directory(monkeypatch, [listener("0.0.0.0", cookie=n) for n in (1, 2)])
    exact, closed = found.name([counted("0.0.0.0", cookie=2), counted("0.0.0.0", cookie=7)])
    assert (cookie_of(exact), exact.one_of) == (2, 1)
    assert closed.one_of == 2


def test_of_a_group_the_only_one_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    group = [listener("0.0.0.0", queue=n, cookie=n + 1) for n in (1, 3, 2)]
    (named,) = directory(monkeypatch, group).name([counted("10.0.0.1")])
    assert (cookie_of(named), named.one_of) == (4, 1)
    full = [listener("0.0.0.0", queue=3, cookie=n) for n in (1, 2, 3)]
    (named,) = directory(monkeypatch, full).name([counted("10.0.0.1")])
    assert named.one_of == 3
    assert named.row and named.row.group == 3


def test_a_path_is_found_in_any_namespace_and_an_abstract_name_in_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = [listener("/run/x", cookie=5), listener("@x", cookie=6)]
    found = directory(monkeypatch, [listener("/run/y")], there)
    path, abstract = found.name(
        [counted("/run/x", kind=Kind.UNIX_EAGAIN), counted("\0x", kind=Kind.UNIX_EAGAIN)]
    )
    assert (cookie_of(path), abstract.row) == (5, None)


def test_what_stands_after_a_path_is_not_part_of_it() -> None:
    assert local_of(counted("/run/x\0rest")) == "/run/x"
    assert local_of(counted("\0x")) == "@x"
    assert local_of(counted("10.0.0.1")) == "10.0.0.1:80"
    assert local_of(counted("fd00::1")) == "[fd00::1]:80"


class Counts:
    """A probe and a kernel whose counters a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kernel = [0, 0, 0, 0]
        self.seen = [0, 0, 0, 0, 0]
        self.while_read = 0
        self.cookie = 55
        monkeypatch.setattr(ledger, "_read", lambda: tuple(self.kernel))
        monkeypatch.setattr(ledger, "cookie", lambda: self.cookie)

    def total(self, netns: Netns) -> Total:
        self.kernel[0] += self.while_read
        return Total(tuple(self.seen) if netns.inode == HERE.inode else (0,) * 5)


def test_what_the_kernel_counted_and_the_probe_did_not_is_a_difference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts = Counts(monkeypatch)
    counts.kernel, counts.seen = [10, 10, 0, 0], [3, 3, 0, 0, 0]
    books = Ledger(counts, [HERE])
    assert not list(books.lines())
    counts.kernel, counts.seen = [17, 17, 0, 0], [10, 9, 0, 0, 0]
    books.update([HERE])
    overflows, drops = books.lines()
    assert overflows == Line(HERE, "ListenOverflows", 7, 7, 7)
    assert (overflows.difference, drops.difference) == (0, 1)


def test_what_comes_while_they_are_read_is_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = Counts(monkeypatch)
    counts.while_read = 5
    books = Ledger(counts, [HERE])
    counts.kernel[0], counts.seen[0] = 100, 92
    books.update([HERE])
    (line,) = books.lines()
    assert (line.least, line.most) == (95, 105)
    assert line.difference == 3


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 18))
def test_a_difference_is_the_distance_to_what_is_possible(least: int, more: int, seen: int) -> None:
    line = Line(HERE, RECONCILED[0], least, least + more, seen)
    possible = range(least, least + more + 1)
    assert (line.difference == 0) == (seen in possible)
    assert seen + line.difference in possible


def test_a_namespace_that_came_later_began_at_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = Counts(monkeypatch)
    books = Ledger(counts, [])
    counts.kernel[1] = counts.seen[1] = 4
    books.update([HERE])
    assert [(line.counter, line.difference) for line in books.lines()] == [("ListenDrops", 0)]
    counts.cookie = 56  # another of that number
    counts.kernel = [0, 9, 0, 0]
    counts.seen = [0, 9, 0, 0, 0]
    books.update([HERE])
    assert [line.difference for line in books.lines()] == [0, 0]
    gone = Netns(300, 1)
    assert books.unread([Netns(100, 55), gone]) == [gone]


def row(name: str) -> Row:
    return Row(listener("0.0.0.0", queue=3), HERE, 4096, (Process(7, 1.0, name, name, 7, ""),), 1)


def test_a_line_fits_and_shows_nothing_raw() -> None:
    named = Named(row("\x1b[31mevil" * 5), one_of=3)
    one = report.event("12:00:00", counted("10.0.0.1", sk=4), named, 12, 3)
    text = report.line(one._replace(more_peers=True), colour=False)
    assert "\x1b" not in text and "\\x1b" in text
    assert text.endswith("12     3+  SYN dropped (one of 3 sockets)")
    assert len(report.line(one._replace(named=named._replace(one_of=1)), colour=False)) <= 100
    for kind in Kind:
        assert len(report.line(one._replace(kind=kind, named=named._replace(one_of=1)), colour=False)) <= 100


def test_the_queue_is_the_probes_or_else_sock_diags() -> None:
    seen = report.event("", counted("0.0.0.0", sk=4), Named(row("n")), 1, 1)
    assert (seen.queue, seen.limit, seen.local) == (3, 2, "0.0.0.0:80")
    requests = counted("0.0.0.0", sk=4, kind=Kind.SYN_COOKIE_SENT)
    assert report.event("", requests, Named(row("n")), 1, 1).queue == 1
    unseen = report.event("", counted("10.0.0.1"), Named(row("n")), 1, 1)
    assert (unseen.queue, unseen.limit, unseen.local) == (3, 2, "0.0.0.0:80")
    closed = report.event("", counted("10.0.0.1"), Named(None), 1, 1)
    assert (closed.queue, closed.limit, closed.local) == (None, None, "10.0.0.1:80")
    assert report.line(closed, colour=False).split()[:2] == ["?", "unknown"]


def test_json_has_the_same_keys_whatever_is_known() -> None:
    known = report.as_json(report.event("t", counted("10.0.0.1"), Named(row("n")), 1, 1))
    unknown = report.as_json(report.event("t", counted("10.0.0.1"), Named(None), 1, 1))
    assert list(known) == list(unknown)
    assert (known["kind"], known["processes"][0]["pid"]) == ("syn_accept_queue_full", 7)
    assert (unknown["processes"], unknown["port"]) == (None, 80)
    json.dumps([known, unknown])


def test_the_end_says_what_each_kind_means_and_any_difference() -> None:
    events = [
        report.event("", counted("10.0.0.1", kind=kind), Named(None), 1, 1)
        for kind in (Kind.ACK_RESET, Kind.SYN_DROPPED, Kind.ACK_RESET)
    ]
    text = "\n".join(report.ending(events, [Line(HERE, "ListenDrops", 5, 8, 2)], []))
    assert text.count("ACK reset:") == 1
    assert "ListenDrops" in text and "5 to 8" in text
    assert text.splitlines()[-1].split()[-1] == "3"
