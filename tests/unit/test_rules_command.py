"""``listenwatch rules``: every rule and every field of Behaviour, each with its source."""

from __future__ import annotations

import json
from typing import Any

import pytest

from listenwatch import cli
from listenwatch.behaviours import field_docs
from listenwatch.commands.rules import TABLES, changes, split
from listenwatch.model.behaviour import LINUX_7_3, Behaviour
from listenwatch.model.eras import ERAS, name
from listenwatch.model.rules import Cited, Rule

RULES = [rule for rules in TABLES.values() for rule in rules]


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


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    found = objects(capsys)
    assert [one["id"] for one in found] == [rule.value for rule in RULES]
    assert {one["schema"] for one in found} == {1}
    (taken,) = [one for one in found if one["id"] == "port-taken"]
    assert taken["errno"] == "EADDRINUSE"
    assert taken["source"] == "inet_csk_listen_start(), net/ipv4/inet_connection_sock.c"


def test_eras(capsys: pytest.CaptureFixture[str]) -> None:
    shown = lines(capsys, "--eras")
    assert "5.4     somaxconn_default: 4096" in shown
    assert "128 until Linux kernel commit 19f92a030ca6" in "\n".join(shown)
    for field in Behaviour._fields:
        assert field in shown


def test_eras_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    found = objects(capsys, "--eras")
    eras = [one for one in found if "era" in one]
    assert [one["era"] for one in eras] == [name(first) for first, _ in ERAS]
    assert set(eras[0]["behaviour"]) == set(Behaviour._fields)
    assert [one["field"] for one in found if "field" in one] == list(Behaviour._fields)


def test_changes_add_up_to_the_newest_kernel() -> None:
    seen: dict[str, object] = {}
    for _, changed in changes():
        assert changed
        seen.update(changed)
    assert seen == LINUX_7_3._asdict()


def test_field_docs() -> None:
    docs = field_docs()
    assert set(docs) == set(Behaviour._fields)
    assert docs["max_ack_backlog_bits"].startswith("Width of sk_max_ack_backlog")
