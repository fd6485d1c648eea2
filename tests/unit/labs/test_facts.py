"""What the exercises and the handout say of the kernel is what the model has."""

from __future__ import annotations

import re

from listenwatch.labs.catalogue import choose
from listenwatch.model.behaviour import FIELDS
from listenwatch.model.kernels import name
from listenwatch.model.variants import Stored
from tests import ROOT

HANDOUT = (ROOT / "vagrant/handout.html").read_text()


def since(field: str, value: object) -> str:
    """The mainline release in which a field took the value that it has since."""
    version, last = FIELDS[field].changes[-1]
    assert last == value
    return name(version)


STORED_BEFORE = since("stored", Stored.BEFORE_LISTEN_START)
ONE_MORE = since("syn_queue_full_above_limit", True)


def words_of(number: str) -> str:
    """The whole README of an exercise, its lines joined."""
    return " ".join((choose(number).folder / "README.md").read_text().split())


def test_the_limit_is_stored_before_inet_csk_listen_start() -> None:
    assert f"since {STORED_BEFORE} `inet_listen` stores the limit" in words_of("1")
    (row,) = re.findall(r"^\| `inet_csk_listen_start` \| (.*) \|$", choose("1").text, re.MULTILINE)
    assert "limit" not in row
    (box,) = (box for box in HANDOUT.split('<rect class="box"') if "the limit is stored here" in box)
    assert ">inet_listen()<" in box
    assert f"since {STORED_BEFORE} the limit is stored here" in box


def test_the_syn_queue_holds_one_more_than_the_limit() -> None:
    assert f"since {ONE_MORE} when one more" in words_of("8")
    assert f"since {ONE_MORE} at limit + 1" in HANDOUT
    assert f"one more fits since {ONE_MORE}" in HANDOUT


def test_a_program_that_does_not_ask_never_knows_and_one_that_asks_does() -> None:
    assert "cannot tell" not in words_of("2")
    assert "No call returns" not in words_of("3")
