"""Each rule has an id that is its name, a text and a source."""

from __future__ import annotations

import re
from enum import Enum

import pytest

from listenwatch.model.queue_rules import QueueRule
from listenwatch.model.rules import BacklogRule, Cited, Rule


def test_every_queue_rule_is_cited() -> None:
    for rule in QueueRule:
        assert rule.text and ".c" in rule.source


def test_a_rule_of_old_kernels_says_which_release_has_it_last() -> None:
    """That release's source is cited, and linked to."""
    rules: list[Cited] = [*Rule, *QueueRule, *BacklogRule]
    said = {rule: re.findall(r"\((?:up to|settable until|over IPv6, v\S+ to) v([\d.]+)\)", rule.text) for rule in rules}
    assert {rule.release for rule, releases in said.items() if releases} >= {"3.10", "4.3", "4.8", "4.9", "6.5"}
    for rule, releases in said.items():
        assert releases in ([], [rule.release])
        assert "{" not in rule.source


@pytest.mark.parametrize("enum", [Rule, QueueRule, BacklogRule])
def test_the_id_of_a_rule_is_its_name(enum: type[Enum]) -> None:
    assert len(enum) > 5
    for rule in enum:
        assert rule.value == rule.name.lower().replace("_", "-")
