"""The units of the Debian package under a real systemd, in their sandboxes: by the lines of the how-to pages, word for word."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator

import pytest

from listenwatch.linux.privileges import CAPABILITIES, COMMANDS
from tests import ROOT
from tests.helpers.contract import fits
from tests.helpers.dist import Dist
from tests.helpers.exporting import OVERFLOWS, Inside, until
from tests.helpers.systemd import System, systemd

pytestmark = pytest.mark.kernel

PAGES = ROOT / "docs/pages/how-to"
LISTEN = "python3 -c 'import socket; socket.create_server((\"127.0.0.1\", 7788), backlog=77)'"


def line_of(page: str, begin: str) -> str:
    """The line of a page that begins so, without the prompt."""
    (line,) = set(re.findall(rf"^[#$] ({re.escape(begin)}.*)$", (PAGES / page).read_text(), re.MULTILINE))
    return str(line)


@pytest.fixture
def system(dist: Dist) -> Iterator[System]:
    """One with the package installed, and nothing of it started."""
    with systemd(dist.deb) as started:
        install = line_of("install.md", "apt install").replace("listenwatch_0.1.0_all.deb", dist.deb.name)
        started.run(install.replace("apt ", "apt-get --yes "))
        assert states(started, "is-enabled") == ["disabled", "disabled"]
        assert states(started, "is-active") == ["inactive", "inactive"]
        yield started


def states(system: System, verb: str) -> list[str]:
    """Of both units."""
    return system.run(f"systemctl {verb} listenwatch listenwatch-exporter || true").split()


def status(system: System, unit: str) -> dict[str, str]:
    """What the kernel says of the unit's process."""
    text = system.run(f'cat /proc/"$(systemctl show --property=MainPID --value {unit})"/status')
    return dict(re.findall(r"^(\w+):\s+(.*)$", text, re.MULTILINE))


def in_its_sandbox(system: System, unit: str, command: str) -> None:
    """With the capabilities that its command needs, and as nobody else."""
    has, needs = status(system, unit), COMMANDS[command]
    assert int(has["CapBnd"], 16) == sum(1 << CAPABILITIES[name] for name in {*needs.needed, *needs.more})
    assert has["Uid"].split()[0] != "0" and has["NoNewPrivs"] == "1" and has["Seccomp"] == "2"


def test_the_exporters_unit_names_who_refuses(system: System) -> None:
    system.run(line_of("prometheus.md", "systemctl enable --now listenwatch-exporter"))
    exporter = Inside(system.pid, 10511)
    in_its_sandbox(system, "listenwatch-exporter", "exporter")
    server, clients = line_of("prometheus.md", "python3 -c").removesuffix(" &"), line_of("prometheus.md", "sleep 1; for i")
    system.run(f"{server} >/dev/null 2>&1 &")
    until(lambda: exporter.scrape().labels("listenwatch_listener_limit", port="7777") or None, "the server")
    system.run(f"bash -c {shlex.quote(clients)} >/dev/null 2>&1")
    scrape = until(lambda: s if (s := exporter.scrape()).sum(OVERFLOWS, port="7777") >= 14 else None, "what is refused")
    (names,) = scrape.labels(OVERFLOWS, port="7777", reason="syn_accept_queue_full")
    assert (names["command"], names["address"]) == ("python3", "127.0.0.1")
    assert {own["unit"] for own in scrape.labels("listenwatch_listener_limit", port="10511")} == {"listenwatch-exporter.service"}
    netns = names["netns"]
    assert set(scrape.values("listenwatch_namespace_difference:counter", netns=netns).values()) == {0}


def test_the_unit_that_logs_calls_fills_the_journal(system: System) -> None:
    system.run(line_of("install.md", "systemctl enable --now listenwatch"))
    chosen = line_of("install.md", "journalctl").replace('.verdict == "DISAGREE"', ".port == 7788").replace("jq ", "jq -c ")

    def calls() -> str | None:
        system.run(LISTEN)  # until its probe is there
        return system.run(chosen) or None

    first, *_ = until(calls, "a call").splitlines()
    call = fits(json.loads(first))
    assert (call["asked"], call["stored"], call["verdict"]) == (77, 77, "AGREE")
    in_its_sandbox(system, "listenwatch", "watch")


def test_purging_the_package_stops_both(system: System) -> None:
    system.run("systemctl enable --now listenwatch listenwatch-exporter")
    assert states(system, "is-active") == ["active", "active"]
    system.run("apt-get --yes purge listenwatch")
    assert "active" not in states(system, "is-active")
    assert system.run("systemctl --failed --quiet --no-legend list-units 'listenwatch*'") == ""
