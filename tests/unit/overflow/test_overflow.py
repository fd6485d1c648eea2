"""What is made of the overflow probe's counts: names, the kernel's counters beside them, the screen."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.bpf.overflow import Netns, Total
from listenwatch.linux.netns import Namespace, Namespaces
from listenwatch.linux.processes import Holders, Process
from listenwatch.linux.sock_diag import Listener
from listenwatch.linux.terminal import escape
from listenwatch.linux.text_width import width_of_text
from listenwatch.overflow import counters, listeners
from listenwatch.overflow.counters import RECONCILED, CounterComparison, CounterReadings
from listenwatch.overflow.kinds import OverflowKind
from listenwatch.overflow.listeners import (
    CountedListener,
    ListenerIndex,
    local_of,
)
from listenwatch.overflow.watch import NotCounted, OverflowSummary, event_of
from listenwatch.report import overflow as report
from listenwatch.report.overflow_json import event_line
from listenwatch.sockets.inventory import ListenerRow, NamespaceListeners
from tests.helpers.counts import HERE, counted, listener

THERE = Namespace(200, Path("/proc/12/ns/net"))


def index_of(
    monkeypatch: pytest.MonkeyPatch, here: list[Listener], there: list[Listener] | None = None
) -> ListenerIndex:
    """One that finds these; the process that holds a socket has its inode as pid."""
    namespaces = [HERE, THERE]
    found = {HERE: here, THERE: there or []}
    monkeypatch.setattr(listeners, "find_namespaces", lambda: Namespaces(namespaces, 0))
    monkeypatch.setattr(
        listeners, "_read", lambda namespace: NamespaceListeners(namespace, 77, found[namespace], 4096)
    )
    monkeypatch.setattr(
        listeners,
        "find_holders",
        lambda inodes: Holders({i: (Process(i, 1.0, "n", "n", i),) for i in inodes}, 0),
    )
    return ListenerIndex()


def cookie_of(named: CountedListener) -> int | None:
    return named.row.listener.cookie if named.row else None


@pytest.mark.parametrize(
    ("to", "sockets", "expected"),
    [
        ("10.0.0.1", ["0.0.0.0", "10.0.0.1", "[::]"], "10.0.0.1"),
        ("10.0.0.1", ["[::]", "0.0.0.0"], "0.0.0.0"),
        ("10.0.0.1", ["[::]", "10.0.0.2"], "[::]"),
        ("10.0.0.1", ["[::ffff:10.0.0.1]", "[::]"], "[::ffff:10.0.0.1]"),
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
    (named,) = index_of(monkeypatch, here).find([counted(to)])
    assert (named.row.listener.address if named.row else None) == expected
    assert named.one_of == 1


def test_the_port_counts_and_the_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    found = index_of(monkeypatch, [listener("0.0.0.0", 81)], [listener("0.0.0.0", cookie=9)])
    here, there, gone = found.find(
        [counted("10.0.0.1"), counted("10.0.0.1", netns=200), counted("10.0.0.1", netns=300)]
    )
    assert (here.row, cookie_of(there), gone.row) == (None, 9, None)
    assert there.row and there.row.namespace == THERE


def test_another_namespace_of_the_same_number_is_not_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = index_of(monkeypatch, [listener("0.0.0.0")])
    same, other = found.find([counted("1.1.1.1", netns_cookie=77), counted("1.1.1.1", netns_cookie=78)])
    assert (cookie_of(same), other.row) == (1, None)


def test_a_cookie_goes_before_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    found = index_of(monkeypatch, [listener("0.0.0.0", cookie=n) for n in (1, 2)])
    exact, closed = found.find([counted("0.0.0.0", cookie=2), counted("0.0.0.0", cookie=7)])
    assert (cookie_of(exact), exact.one_of) == (2, 1)
    assert closed.one_of == 2


def test_of_a_group_the_only_one_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    group = [listener("0.0.0.0", queue=n, cookie=n + 1) for n in (1, 3, 2)]
    (named,) = index_of(monkeypatch, group).find([counted("10.0.0.1")])
    assert (cookie_of(named), named.one_of) == (4, 1)
    full = [listener("0.0.0.0", queue=3, cookie=n) for n in (1, 2, 3)]
    (named,) = index_of(monkeypatch, full).find([counted("10.0.0.1")])
    assert named.one_of == 3
    assert named.row and named.row.group == 3


def test_a_path_is_found_in_any_namespace_and_an_abstract_name_in_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = [listener("/run/x", cookie=5), listener("@x", cookie=6)]
    found = index_of(monkeypatch, [listener("/run/y")], there)
    path, abstract = found.find(
        [counted("/run/x", kind=OverflowKind.UNIX_EAGAIN), counted("\0x", kind=OverflowKind.UNIX_EAGAIN)]
    )
    assert (cookie_of(path), abstract.row) == (5, None)


class OncePerLook(list[Listener]):
    """Listeners that count how often somebody goes through them."""

    passes = 0

    def __iter__(self) -> Iterator[Listener]:
        self.passes += 1
        return super().__iter__()


def test_however_many_counts_the_listeners_are_gone_through_a_fixed_number_of_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def passes(number: int) -> int:
        every = [listener(name, port, cookie=n) for n, (name, port) in enumerate(places[:number], 1)]
        here, there = OncePerLook(every), OncePerLook([listener("/run/elsewhere", cookie=9)])
        index = index_of(monkeypatch, here, there)
        counts = [counted(name.strip("[]"), port) for name, port in places[:number]]
        named = index.find([*counts, counted("0.0.0.0", 99), counted("/run/elsewhere"), counted("/run/none")])
        assert [cookie_of(name) for name in named] == [*range(1, number + 1), None, 9, None]
        return here.passes + there.passes

    places = [(f"10.0.0.{n}", 80) for n in range(9)] + [("[::]", n) for n in range(9)] + [(f"/run/{n}", 0) for n in range(9)]
    assert passes(27) == passes(3)


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
        monkeypatch.setattr(counters, "_read", lambda: tuple(self.kernel))
        monkeypatch.setattr(counters, "cookie", lambda: self.cookie)

    def total(self, netns: Netns) -> Total:
        self.kernel[0] += self.while_read
        return Total(tuple(self.seen) if netns.inode == HERE.inode else (0,) * 5)


def test_what_the_kernel_counted_and_the_probe_did_not_is_a_difference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts = Counts(monkeypatch)
    counts.kernel, counts.seen = [10, 10, 0, 0], [3, 3, 0, 0, 0]
    readings = CounterReadings(counts, [HERE])
    assert not list(readings.compare())
    counts.kernel, counts.seen = [17, 17, 0, 0], [10, 9, 0, 0, 0]
    readings.update([HERE])
    overflows, drops = readings.compare()
    assert overflows == CounterComparison(HERE, "ListenOverflows", 7, 7, 7)
    assert (overflows.difference, drops.difference) == (0, 1)


def test_what_comes_while_they_are_read_is_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = Counts(monkeypatch)
    counts.while_read = 5
    readings = CounterReadings(counts, [HERE])
    counts.kernel[0], counts.seen[0] = 100, 92
    readings.update([HERE])
    (line,) = readings.compare()
    assert (line.least, line.most) == (95, 105)
    assert line.difference == 3


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 18))
def test_a_difference_is_the_distance_to_what_is_possible(least: int, more: int, seen: int) -> None:
    line = CounterComparison(HERE, RECONCILED[0], least, least + more, seen)
    possible = range(least, least + more + 1)
    assert (line.difference == 0) == (seen in possible)
    assert seen + line.difference in possible


def test_a_namespace_that_came_later_began_at_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = Counts(monkeypatch)
    readings = CounterReadings(counts, [])
    counts.kernel[1] = counts.seen[1] = 4
    readings.update([HERE])
    assert [(line.counter, line.difference) for line in readings.compare()] == [("ListenDrops", 0)]
    counts.cookie = 56  # another of that number
    counts.kernel = [0, 9, 0, 0]
    counts.seen = [0, 9, 0, 0, 0]
    readings.update([HERE])
    assert [line.difference for line in readings.compare()] == [0, 0]
    gone = Netns(300, 1)
    assert readings.never_read([Netns(100, 55), gone]) == [gone]


def row(name: str) -> ListenerRow:
    return ListenerRow(listener("0.0.0.0", queue=3), HERE, 4096, (Process(7, 1.0, name, name, 7),), 1)


def test_a_line_fits_and_shows_nothing_raw() -> None:
    named = CountedListener(row("\x1b[31mevil" * 2), one_of=3)
    each = event_of(NOON, counted("10.0.0.1", sk=4), named, 12, 3, 5)
    text = report.line(each._replace(more_peers=True), colour=False)
    assert "\x1b" not in text and "\\x1b" in text
    assert text.endswith("   12     5    3+ SYN dropped (one of 3 sockets)")
    assert report.line(each, report.layout_for(80), colour=False).split("\n") == [
        r"12:00:00       7 \x1b[31mevil\x1b[31mevil 10.0.0.1:80 3   2    12",
        "    SYN dropped (one of 3 sockets)",
    ]


NOON = int(time.mktime((2026, 11, 28, 12, 0, 0, 0, 0, -1))) * 10**9
"""In this machine's time zone."""
HEADS = {
    80: "TIME         PID COMMAND       LOCAL            QUEUE LIMIT COUNT WHAT",
    100: "TIME         PID COMMAND       PROTO LOCAL            QUEUE LIMIT COUNT CONNS PEERS WHAT",
}


@pytest.mark.parametrize("name", ["n", "systemd-resolved", "\x1b[31mevil" * 5, "漢字" * 40, "x" * 4096])
@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.100.100", "ff" * 2 + ":ffff" * 7])
def test_no_line_is_wider_than_the_terminal(name: str, address: str) -> None:
    for width in (80, 100, 200):
        layout = report.layout_for(width)
        assert layout.heads == HEADS.get(width, HEADS[100])
        for kind in OverflowKind:
            each = event_of(NOON, counted("10.0.0.1", sk=4, kind=kind), CountedListener(row(name), 2), 123456, 3)
            each = each._replace(local=f"{address}:65535")
            lines = report.line(each, layout, colour=True).split("\n")
            assert max(map(width_of_text, lines)) <= width
            text = "\n".join(lines)
            assert f" {address}:65535 " in f"{text} ".replace("\n", " ") and "123456" in text
            assert escape(name) in text or len(escape(name)) > 32


def test_the_queue_is_the_probes_or_else_sock_diags() -> None:
    seen = event_of(0, counted("0.0.0.0", sk=4), CountedListener(row("n")), 1, 1)
    assert (seen.queue, seen.limit, seen.local) == (3, 2, "0.0.0.0:80")
    requests = counted("0.0.0.0", sk=4, kind=OverflowKind.SYN_COOKIE_SENT)
    assert event_of(0, requests, CountedListener(row("n")), 1, 1).queue == 1
    unseen = event_of(0, counted("10.0.0.1"), CountedListener(row("n")), 1, 1)
    assert (unseen.queue, unseen.limit, unseen.local) == (3, 2, "0.0.0.0:80")
    closed = event_of(0, counted("10.0.0.1"), CountedListener(None), 1, 1)
    assert (closed.queue, closed.limit, closed.local) == (None, None, "10.0.0.1:80")
    assert report.line(closed, colour=False, timed=False).split()[:2] == ["?", "unknown"]


def test_json_has_the_same_keys_whatever_is_known() -> None:
    known = event_line(event_of(0, counted("10.0.0.1"), CountedListener(row("n")), 1, 1))
    unknown = event_line(event_of(0, counted("10.0.0.1"), CountedListener(None), 1, 1))
    assert list(known) == list(unknown)
    assert (known["kind"], known["processes"][0]["pid"]) == ("syn_accept_queue_full", 7)
    assert (unknown["processes"], unknown["pid"], unknown["port"]) == ([], None, 80)
    json.dumps([known, unknown])


def test_the_end_says_what_each_kind_means_and_any_difference() -> None:
    events = [
        event_of(0, counted("10.0.0.1", kind=kind), CountedListener(None), 1, 1)
        for kind in (OverflowKind.ACK_RESET, OverflowKind.SYN_DROPPED, OverflowKind.ACK_RESET)
    ]
    comparison = CounterComparison(HERE, "ListenDrops", 5, 8, 2)
    summary = OverflowSummary(0, 2.0, "kprobe", events, [comparison], [], NotCounted(None, [], []))
    text = "\n".join(report.ending(summary, colour=False))
    assert "connections." not in text
    assert text.count("ACK reset:") == 1
    assert "ListenDrops" in text and "5 to 8" in text
    assert text.splitlines()[-1].split()[-1] == "3"


def test_syns_that_were_sent_again_are_told_from_connections() -> None:
    def said(**options: int) -> str:
        counts = counted("10.0.0.1", **{k: v for k, v in options.items() if k == "kind"})  # type: ignore[arg-type]
        counts = counts._replace(connections_uncounted=options.get("uncounted", 0))
        event = event_of(0, counts, CountedListener(None), 284, 1, options.get("connections", 71))
        summary = OverflowSummary(0, 2.0, "kprobe", [event], [], [], NotCounted(None, [], []))
        return "\n".join(report.ending(summary, colour=False))

    assert "284 SYNs to 10.0.0.1:80 were of 71 connections." in said()
    assert "284 ACKs to 10.0.0.1:80 were of 71+ connections." in said(kind=OverflowKind.ACK_IGNORED, uncounted=4)
    assert "were of" not in said(connections=284)
    unix = event_of(0, counted("/run/x", kind=OverflowKind.UNIX_EAGAIN), CountedListener(None), 3, 1, 0)
    assert (unix.connections, event_line(unix)["connections"]) == (None, None)
