"""The one word that says whose a call is, and the JSON of it."""

from __future__ import annotations

import pytest

from listenwatch.call.record import ListenCall
from listenwatch.linux.cgroup_owner import NOBODY, Container, Owner, Pod
from listenwatch.linux.processes import Process
from listenwatch.report.listeners_json import process_objects
from listenwatch.report.live import layout_for, line
from listenwatch.report.notices import namespaces_ended_text
from listenwatch.report.owner import owner_text
from listenwatch.verdict.compare import judge
from tests.helpers.calls import BEHAVIOUR, call

ID = "0123456789ab" + 52 * "c"


@pytest.mark.parametrize(
    ("owner", "text"),
    [
        (NOBODY, ""),
        (Owner("nginx.service"), "nginx.service"),
        (Owner("user@1000.service", Container("podman", ID, "web")), "podman:web"),
        (Owner(container=Container("docker", ID)), "docker:0123456789ab"),
        (Owner(container=Container("", ID)), "container:0123456789ab"),
        (Owner(container=Container("containerd", ID, "nginx"), pod=Pod("uid", "web-7d4b")), "containerd:web-7d4b/nginx"),
        (Owner(container=Container("containerd", ID, "nginx"), pod=Pod("uid")), "containerd:nginx"),
        (Owner(pod=Pod("uid")), ""),
        (Owner(container=Container("podman", ID, "\x1b[2J")), r"podman:\x1b[2J"),
    ],
)
def test_one_word(owner: Owner, text: str) -> None:
    assert owner_text(owner) == text


def test_what_is_not_known_is_null() -> None:
    nobody, somebody = process_objects(
        Process(7, 0.0, "x", "x", 7, owner)
        for owner in (NOBODY, Owner(container=Container("", ID), pod=Pod("uid")))
    )
    assert [nobody[key] for key in ("where", "unit", "container", "pod")] == [None] * 4
    assert somebody["container"] == {"runtime": None, "id": ID, "name": None}
    assert somebody["pod"] == {"id": "uid", "name": None, "namespace": None}


def shown(each: ListenCall, width: int | None) -> str:
    return line(each, judge(each, BEHAVIOUR), colour=False, layout=layout_for(width))


WEB = call()._replace(container=Container("podman", ID, "web"))


def test_a_line_names_it_after_the_reason_or_below() -> None:
    assert shown(WEB, None).split()[-4:] == ["as", "asked", "[podman:web]", "agree"]
    assert shown(WEB, 120).split()[-2:] == ["[podman:web]", "agree"]
    assert shown(WEB, 80).splitlines()[1] == "    [podman:web]"
    longer = call(backlog=-1, somaxconn=128)._replace(container=WEB.container)
    below = "    a negative number counts as huge: clamped by net.core.somaxconn [podman:web]"
    assert shown(longer, 80).splitlines()[1] == below
    for each in (WEB, longer):
        for width in (80, 100, 200):
            assert max(map(len, shown(each, width).splitlines())) <= width


def test_a_unit_that_says_no_more_than_the_command_takes_no_line() -> None:
    nginx = call()._replace(unit="nginx.service")
    assert shown(nginx, 80) == shown(call(), 80)
    assert "[nginx.service]" in shown(nginx, None)
    assert shown(nginx._replace(unit="web.service"), 80).splitlines()[1] == "    [web.service]"


def test_a_line_of_nobodys_invents_nothing() -> None:
    assert "[" not in shown(call(), None)


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "short-lived: 1 network namespace ended before a look at it"),
     (30, "short-lived: 30 network namespaces ended before a look at each")],
)  # fmt: skip
def test_short_lived_namespaces_are_one_line(number: int, text: str) -> None:
    assert namespaces_ended_text(number) == text
