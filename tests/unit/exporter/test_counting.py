"""Counts find their series: of listeners that are there, that are gone, that nobody saw; and the probe's maps stay bounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

import pytest

from listenwatch.bpf.overflow import Counted, Netns, OverflowProbe, Total
from listenwatch.exporter import names
from listenwatch.exporter.counting import QUIET, Attribution
from listenwatch.exporter.labels import EPHEMERAL
from listenwatch.exporter.names import TRIES, Names
from listenwatch.exporter.placing import Placing
from listenwatch.exporter.series import SeriesTable
from listenwatch.linux.cgroup_owner import Owner, Pod
from listenwatch.linux.processes import Holders, Process
from listenwatch.linux.sock_diag import Listener
from listenwatch.overflow import counters, listeners
from listenwatch.overflow.kinds import OverflowKind
from listenwatch.sockets.inventory import NamespaceListeners
from tests.helpers.calls import call as made
from tests.helpers.counts import HERE, counted, listener

PORTS = range(32768, 61000)


class Probe:
    """Counts that a test sets."""

    epoch = 1
    room = 8
    seen_in: Sequence[Netns] = (Netns(HERE.inode, 77),)

    def __init__(self) -> None:
        self.counts: dict[tuple[object, ...], Counted] = {}
        self.forgotten: list[Any] = []

    def met(self, *counts: Counted) -> None:
        """Each of them so often more."""
        for new in counts:
            key = new[:7]
            before = self.counts[key].times if key in self.counts else 0
            self.counts[key] = new._replace(times=before + new.times)

    def counted(self) -> list[Counted]:
        return list(self.counts.values())

    def capacity(self, _: str) -> int:
        return self.room

    def next_epoch(self) -> None: ...

    def namespaces(self) -> list[Netns]:
        return list(self.seen_in)

    def total(self, _: Netns) -> Total:
        return Total(unplaced=3)

    def forget(self, gone: Counted) -> None:
        self.forgotten.append(gone.port)
        del self.counts[gone[:7]]

    def forget_namespace(self, netns: Netns) -> None:
        self.forgotten.append(netns)


class Machine:
    """What listens, who holds it, and a clock; ``asked`` is how often /proc was gone through."""

    now = 1000.0
    asked = 0

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.there: list[Listener] = []
        self.held = True
        self.namespaces = [HERE]
        monkeypatch.setattr(listeners, "find_namespaces", lambda: listeners_found(self))
        monkeypatch.setattr(listeners, "_read", lambda namespace: NamespaceListeners(namespace, 77, self.there, 4096))
        monkeypatch.setattr(names, "find_holders", self.holders)
        monkeypatch.setattr(counters, "_read", lambda: (0, 0, 0, 0))
        monkeypatch.setattr(counters, "cookie", lambda: 77)
        self.probe = Probe()
        self.table = SeriesTable(100, 900.0, lambda: self.now)
        self.names = Names(lambda: self.now)
        self.names.learn([])
        self.placing = Placing(self.names, self.table, 60.0, PORTS, lambda: self.now)

    def attribution(self) -> Attribution:
        return Attribution(cast(OverflowProbe, self.probe), self.placing, 900.0, lambda: self.now)

    def holders(self, inodes: set[int]) -> Holders:
        self.asked += 1
        return Holders({i: (Process(i, 1.0, "server", "server", i),) for i in inodes} if self.held else {}, 0)

    def series(self) -> dict[tuple[str, str], Counter[OverflowKind]]:
        return {(labels.port, labels.command): series.counts for labels, series in self.table}


def listeners_found(machine: Machine) -> object:
    from listenwatch.linux.netns import Namespaces

    return Namespaces(machine.namespaces, 0)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


FULL = OverflowKind.SYN_ACCEPT_QUEUE_FULL


def test_a_count_is_that_of_the_listener_there_and_only_what_is_new(machine: Machine) -> None:
    machine.there = [listener("0.0.0.0", 80, cookie=5)]
    machine.probe.met(counted("10.0.0.1"))
    attribution = machine.attribution()  # what was before is not its
    assert attribution.take() == []
    machine.probe.met(counted("10.0.0.1"))
    (event,) = attribution.take()
    assert (event.times, event.local, event.kind) == (5, "0.0.0.0:80", FULL)
    assert event.counted_listener.row and event.counted_listener.row.holders[0].name == "server"
    machine.probe.met(counted("10.0.0.1"))
    attribution.take()
    assert machine.series() == {("80", "server"): {FULL: 10}}
    assert attribution.unplaced() == 3


def test_a_listener_that_is_gone_is_named_by_its_listen_call(machine: Machine) -> None:
    attribution = machine.attribution()
    call = made(pid=2**22 + 1, comm=b"job", address=bytes(4))
    machine.names.saw(call._replace(netns_inode=HERE.inode))
    machine.probe.met(counted("10.0.0.1", call.local_port))
    attribution.take()
    assert machine.series() == {(str(call.local_port), "job"): {FULL: 5}}


def test_one_that_was_looked_at_and_is_gone_keeps_its_name(machine: Machine) -> None:
    machine.there = [listener("0.0.0.0", 80)]
    attribution = machine.attribution()
    machine.names.learn([(NamespaceListeners(HERE, 77, machine.there, 4096), machine.there[0])])
    machine.names.forget_but(set())
    machine.there = []
    machine.probe.met(counted("10.0.0.1"))
    attribution.take()
    assert machine.series() == {("80", "server"): {FULL: 5}}


def test_what_nobody_saw_is_put_off_once_and_then_counted_by_its_address(machine: Machine) -> None:
    attribution = machine.attribution()
    machine.probe.met(counted("10.0.0.1"))
    assert attribution.take() == [] and machine.series() == {}
    machine.probe.met(counted("10.0.0.1"))
    assert [event.times for event in attribution.take()] == [10]
    assert machine.series() == {("80", ""): {FULL: 10}}


def test_short_lived_ones_on_a_port_of_the_kernels_choice_share_a_series(machine: Machine) -> None:
    machine.there = [listener("0.0.0.0", 40000 + n, cookie=n) for n in (1, 2)]
    attribution = machine.attribution()
    machine.probe.met(counted("10.0.0.1", 40001), counted("10.0.0.1", 40002))
    attribution.take()
    assert machine.series() == {(EPHEMERAL, "server"): {FULL: 10}}
    machine.now += 61
    machine.probe.met(counted("10.0.0.1", 40002))
    attribution.take()
    assert machine.series() == {(EPHEMERAL, "server"): {FULL: 10}, ("40002", "server"): {FULL: 5}}
    machine.there = [listener("0.0.0.0", 40002, cookie=3)]  # its server was started anew
    machine.probe.met(counted("10.0.0.1", 40002))
    attribution.take()
    assert machine.series()["40002", "server"] == {FULL: 10}


def test_a_socket_is_looked_up_once_and_one_that_nobody_holds_a_few_times(machine: Machine) -> None:
    machine.there = [listener("0.0.0.0", 80)]
    attribution = machine.attribution()
    for _ in range(5):
        machine.probe.met(counted("10.0.0.1"))
        attribution.take()
    assert machine.asked == 1
    machine.held, machine.there = False, [listener("0.0.0.0", 81, cookie=2)]
    for _ in range(5):
        machine.probe.met(counted("10.0.0.1", 81))
        attribution.take()
    assert machine.asked == 1 + TRIES


def test_a_pod_whose_name_comes_later_gets_it_and_is_looked_up_a_few_times_only(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"uid": Pod("uid", "web", "shop")}
    holder = Process(1, 1.0, "server", "server", 1, Owner(pod=Pod("uid")))
    monkeypatch.setattr(names, "find_holders", lambda inodes: Holders({inode: (holder,) for inode in inodes}, 0))
    there = Names(lambda: machine.now, lambda pod: known.get(pod.id, pod) if known_by_now else pod)
    pairs = [(NamespaceListeners(HERE, 77, [listener("0.0.0.0", 80)], 4096), listener("0.0.0.0", 80))]
    known_by_now = False
    there.learn(pairs)
    assert there.of(pairs[0][1]).labels[-2:] == ("uid", "")
    known_by_now = True
    for _ in range(TRIES):
        there.learn(pairs)
    assert there.of(pairs[0][1]).labels[-2:] == ("web", "shop")
    assert there.of(pairs[0][1]).tries == 2


def test_the_probes_maps_are_cleared_of_what_has_been_quiet(machine: Machine) -> None:
    machine.there = [listener("0.0.0.0", port, cookie=port) for port in range(80, 86)]
    attribution = machine.attribution()
    machine.probe.met(*(counted("10.0.0.1", port) for port in range(80, 86)))
    attribution.take()
    machine.now += QUIET + 1
    machine.probe.met(counted("10.0.0.1", 85))
    attribution.take()
    assert machine.probe.forgotten == [80, 81, 82, 83, 84]
    machine.probe.met(counted("10.0.0.1", 80))
    attribution.take()
    assert machine.series()["80", "server"] == {FULL: 10}
    assert attribution.occupancy()["listeners"] == (2, 8)


def test_a_namespace_that_is_gone_is_compared_until_it_is_forgotten(machine: Machine) -> None:
    attribution = machine.attribution()
    came_and_went = Netns(9, 9)
    machine.probe.seen_in = [came_and_went]
    attribution.compare([HERE])
    machine.now += 901
    machine.probe.seen_in = []
    attribution.compare([])
    assert sorted(machine.probe.forgotten) == [came_and_went, Netns(HERE.inode, 77)]


def test_a_namespace_that_only_calls_and_counts_name_is_known_to_be_unseen(machine: Machine) -> None:
    attribution = machine.attribution()
    attribution.compare([HERE], {Netns(HERE.inode, 77)})
    assert attribution.never_read() == 0
    machine.probe.seen_in = [Netns(HERE.inode, 77), Netns(9, 9)]
    attribution.compare([HERE], {Netns(8, 8)})
    assert attribution.never_read() == 2
    machine.now += 901
    machine.probe.seen_in = [Netns(HERE.inode, 77)]
    attribution.compare([HERE])
    assert attribution.never_read() == 0
