"""``listenwatch rules``: every rule and every field of Behaviour, each with its source."""

from __future__ import annotations

import json
from typing import Any

import pytest

from listenwatch import cli
from listenwatch.commands.rules import TITLES, changes
from listenwatch.model.behaviour import FIELDS
from listenwatch.model.kernels import ERAS, name
from listenwatch.model.rules import Cited, Rule
from listenwatch.report.rules_json import split
from tests.helpers.contract import fit
from tests.helpers.eras import LINUX_7_3

RULES = [rule for rules in TITLES for rule in rules]


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """What the command prints."""
    assert cli.main(["rules", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def objects(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    """What the command says in JSON."""
    return [json.loads(line) for line in lines(capsys, *arguments, "--json")]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.value)
def test_a_rule_has_an_id_a_text_and_a_source(rule: Cited) -> None:
    assert rule.value == rule.name.lower().replace("_", "-")
    assert rule.text and not rule.text.endswith(".")
    assert rule.source.endswith(".c") or rule.source == "(none)"


def test_ids_are_unique() -> None:
    assert len({rule.value for rule in RULES}) == len(RULES)


def test_errno() -> None:
    assert split(Rule.PORT_TAKEN) == ("EADDRINUSE", "get_port() found a conflict")
    assert split(Rule.RELISTENS) == ("", "already LISTEN: only the backlog is adjusted")
    assert split(Rule.UNIX_UNBOUND)[0] == "EINVAL"


def test_every_rule_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    shown = lines(capsys)
    assert max(map(len, shown)) <= 100
    first = {line.split()[0] for line in shown if line.strip()}
    assert {rule.value for rule in RULES} <= first


@pytest.mark.parametrize("width", [80, 100, 200])
def test_it_fits_the_terminal_and_names_are_whole(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("listenwatch.commands.rules.width_of", lambda stream: width)
    for option in ((), ("--eras",)):
        shown = lines(capsys, *option)
        assert max(map(len, shown)) <= min(width, 100)
        words = " ".join(shown).split()
        assert option or {rule.value for rule in RULES} | {"net/ipv4/inet_connection_sock.c"} <= set(words)


def test_the_words_of_watch_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Each rule's reason, as the report of a call puts it, from the one table of rules."""
    columns, left, right = "", 0, 0
    for line in lines(capsys):
        if "decided by" in line:
            left, right = line.index("means"), line.index("decided by")
        columns += f" {line[left:right].strip()}"
    reasons = {o["id"]: o["reason"] for o in objects(capsys)}
    for rule in RULES:
        assert reasons[rule.value] == (rule.reason or None)
        assert not rule.reason or f'shown as "{rule.reason}"' in columns
    assert reasons["not-a-socket"] == "the descriptor is not a socket"


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    found = objects(capsys)
    assert [one["id"] for one in found] == [rule.value for rule in RULES]
    assert {one["schema"] for one in found} == {"listenwatch/rule/2"}
    (taken,) = [one for one in found if one["id"] == "port-taken"]
    assert taken["errno"] == "EADDRINUSE"
    assert taken["source"] == "inet_csk_listen_start(), net/ipv4/inet_connection_sock.c"


def test_eras(capsys: pytest.CaptureFixture[str]) -> None:
    shown = lines(capsys, "--eras")
    (of_5_4,) = [line for line in shown if line.startswith("5.4     somaxconn_default: 4096")]
    assert "rebuilt" in of_5_4
    assert "128 until Linux kernel commit 19f92a030ca6" in " ".join(" ".join(shown).split())
    for field in FIELDS:
        assert field in shown


def test_eras_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    found = objects(capsys, "--eras")
    eras = [one for one in found if "era" in one]
    assert [one["era"] for one in eras] == [name(first) for first, _ in ERAS]
    assert set(eras[0]["behaviour"]) == set(FIELDS)
    assert [one["field"] for one in found if "field" in one] == list(FIELDS)


def test_changes_add_up_to_the_newest_kernel() -> None:
    seen: dict[str, object] = {}
    for _, changed in changes():
        assert changed
        seen.update(changed)
    assert seen == LINUX_7_3.values()


def test_a_field_has_its_commits_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    fields = {o["field"]: o for o in objects(capsys, "--eras") if "field" in o}
    assert fields["max_ack_backlog_bits"]["text"].startswith("Width of sk_max_ack_backlog")
    assert fields["somaxconn_default"]["commits"] == [
        {"id": "19f92a030ca6", "subject": "net: increase SOMAXCONN to 4096", "release": "v5.4"}
    ]
    assert [commit["id"] for commit in fields["syn_drops_counted"]["commits"]] == [
        "2aeef18d37aa",
        "848bf15f361c",
    ]
    assert fields["stored"]["commits"] and not fields["fastopen"]["commits"]
    assert fields["somaxconn_range"]["stable"][:2] == [
        {"release": "2.6.32.10", "value": "unknown", "seen": False},
        {"release": "2.6.32.62", "value": "UNSIGNED_SHORT", "seen": True},
    ]
    assert fields["syn_queue_full_above_limit"]["changes"] == [
        {"release": "2.6.12", "value": "no"},
        {"release": "6.13", "value": "yes"},
    ]


def test_an_era_has_its_commits_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    eras = {o["era"]: o["commits"] for o in objects(capsys, "--eras") if "era" in o}
    assert eras["5.4"] == [
        {
            "field": "somaxconn_default", "id": "19f92a030ca6", "subject": "net: increase SOMAXCONN to 4096",
            "release": "v5.4",
        }
    ]
    assert [commit["id"] for commit in eras["3.8"]] == ["2aeef18d37aa", "848bf15f361c"]
    assert eras["2.6.20"] == []


def test_a_rule_of_old_kernels_cites_the_last_release_that_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    rules = {o["id"]: o for o in objects(capsys)}
    assert (rules["somaxconn-negative"]["source"], rules["somaxconn-negative"]["release"]) == (
        "sys_listen(), net/socket.c", "3.10",
    )
    assert (rules["clamped"]["source"], rules["clamped"]["release"]) == ("__sys_listen_socket(), net/socket.c", None)
    assert rules["no-memory"]["release"] == "4.3"


def test_the_rules_of_another_stack(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["rules", "--stack", "gvisor", "--json"]) == 0
    lines = fit(capsys.readouterr().out)
    assert {line["id"] for line in lines} >= {"gvisor-listens", "gvisor-clamped", "gvisor-cookie"}
    assert cli.main(["rules", "--stack", "gvisor"]) == 0
    assert "pkg/tcpip/transport/tcp/endpoint.go" in capsys.readouterr().out
    assert cli.main(["rules", "--stack", "gvisor", "--eras"]) == 2
