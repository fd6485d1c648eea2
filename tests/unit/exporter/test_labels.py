"""What a series is called: the same by the listener as by its listen(), bounded and harmless whatever others chose."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from listenwatch.exporter import labels, metrics
from listenwatch.exporter.exposition import registry_of
from listenwatch.exporter.labels import (
    LONGEST,
    OTHER,
    Labels,
    ephemeral,
    of_call,
    of_row,
    place_of_call,
)
from listenwatch.linux.cgroup_owner import Container, Owner, Pod
from listenwatch.linux.netns import Namespace
from listenwatch.linux.processes import Process
from listenwatch.linux.sock_diag import Listener
from listenwatch.sockets.inventory import ListenerRow
from listenwatch.sockets.socket_units import SocketUnit
from tests.helpers.calls import call as made

HERE = Namespace(4026531840, Path("/proc/self/ns/net"))
OWNER = Owner("nginx.service", Container("docker", 64 * "a", "web"), Pod("uid-1", ""))


def row(name: str = "nginx", address: str = "0.0.0.0", port: int = 80, unit: SocketUnit | None = None) -> ListenerRow:
    holder = Process(7, 1.0, name, name, 7, OWNER)
    family = 2 if port else 1
    listener = Listener("tcp" if port else "unix", family, address, port, 0, 0, 128, 42, 9, 0)
    return ListenerRow(listener, HERE, 4096, (holder,), 1, unit)


def test_who_it_is_and_nothing_that_a_restart_changes() -> None:
    assert of_row(row()) == Labels("tcp", "0.0.0.0", "80", "4026531840", "nginx", "nginx.service", "web", "uid-1", "")


def test_a_pod_has_the_names_that_somebody_else_knows() -> None:
    named = of_row(row(), lambda pod: pod._replace(name="web-7d4b", namespace="shop"))
    assert (named.pod, named.namespace) == ("web-7d4b", "shop")


def test_nobody_holds_it() -> None:
    assert of_row(row()._replace(holders=())) == Labels("tcp", "0.0.0.0", "80", "4026531840", "", "", "", "", "")


def test_a_socket_unit_goes_before_the_unit_of_process_1() -> None:
    assert of_row(row(unit=SocketUnit("web.socket", 128, "web.service"))).unit == "web.socket"


def test_a_call_names_the_listener_as_a_look_does() -> None:
    call = made(pid=2**22 + 1)._replace(unit=OWNER.unit, container=OWNER.container, pod=OWNER.pod)
    by_call = of_call(call, place_of_call(call))
    assert by_call._replace(netns="", address="") == of_row(row(port=call.local_port))._replace(netns="", address="")
    assert by_call.netns == str(call.netns_inode) and not by_call.address.endswith(by_call.port)


def test_where_proc_numbers_processes_otherwise_it_is_not_asked_for_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    call = made(pid=1, comm=b"server")
    monkeypatch.setattr(labels, "shows_every_process", lambda: False)
    assert of_call(call, place_of_call(call)).command == "server"


def test_short_lived_ones_share_a_series_and_nothing_is_called_other() -> None:
    folded = ephemeral(of_row(row()))
    assert (folded.address, folded.port, folded.command) == ("", "ephemeral", "nginx")
    assert OTHER.protocol == "other"


@given(st.text(st.characters(codec=None), max_size=300), st.binary(max_size=200))
def test_hostile_names_are_bounded_and_come_back_from_a_scrape(name: str, path: bytes) -> None:
    named = of_row(row(name, path.decode("utf-8", "backslashreplace"), 0))
    assert all(len(getattr(named, label)) <= longest for label, longest in LONGEST.items())
    assert all(text.isprintable() for text in named)
    registry: CollectorRegistry = registry_of(lambda: [(metrics.LIMIT, named, 5)])
    text = generate_latest(registry).decode()
    samples = [
        sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == metrics.LIMIT.written
    ]
    assert [(sample.labels, sample.value) for sample in samples] == [(named._asdict(), 5)]
