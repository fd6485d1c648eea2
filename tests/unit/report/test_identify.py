"""What ``identify`` prints: each field with what decided it, where the kernel stands, and what no behaviour explains."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from listenwatch.conformance.identify.identified import Identified, identify
from listenwatch.conformance.run import Result
from listenwatch.linux.kernel import Kernel
from listenwatch.report.identify import as_text, headline
from tests.helpers.identifying import VENDORS, simulated
from tests.helpers.scenarios import DISAGREED, FAILED, SKIPPED, scenario_run


@cache
def vendor(name: str) -> Identified:
    behaviour, kernel = VENDORS[name]
    return identify(simulated(behaviour), kernel)


def text(identified: Identified, *results: Result, lost: int = 0, width: int = 80) -> str:
    shown = as_text(identified, scenario_run(*results, lost=lost), width)
    assert max(map(len, shown.splitlines())) <= width
    return shown


def row(shown: str, field: str) -> list[str]:
    """The words of a field's first line."""
    (line,) = [line for line in shown.splitlines() if line.startswith(f"{field} ")]
    return line.split()[1:]


def test_each_field_says_what_decided_it() -> None:
    shown = text(vendor("el8-240"))
    assert row(shown, "stored") == ["BEFORE_LISTEN_START", "experiment:", "simulated"]
    assert row(shown, "bpf_listen_callback") == ["yes", "evidence:"]
    assert row(shown, "mptcp_enters") == ["no", "MPTCP", "evidence:", "no", "mptcp_listen"]
    assert row(shown, "wakes_lhash_wait")[:5] == ["no", "or", "yes", "nothing", "here:"]


@pytest.mark.parametrize("width", [70, 80, 120])
def test_where_it_stands_in_history(width: int) -> None:
    words = " ".join(text(vendor("el8-240"), width=width).split())
    assert "Nearest: mainline 5.0 and later, before 5.4" in words
    assert "Backport: stored is BEFORE_LISTEN_START, as mainline since 5.0; mainline has INSIDE_LISTEN_START (not known of this release)" in words
    assert "The release number alone, 4.18.0, would have told wrong: stored (INSIDE_LISTEN_START), bpf_listen_callback (no)" in words
    assert words.endswith(headline(vendor("el8-240")))


def test_what_was_not_built_and_what_is_older_than_its_release_have_words_of_their_own() -> None:
    behaviour, _ = VENDORS["el8-240"]
    identified = identify(simulated(behaviour), Kernel("5.10.1", (5, 10, 1), "x86_64", {"mptcp_listen": False}))
    words = " ".join(text(identified).split())
    assert "Built without what its release may have: mptcp_enters" in words
    assert "Unlike its release: somaxconn_default is 128, as mainline since 2.6.12; mainline has 4096" in words
    assert "would have told wrong: somaxconn_default (4096)" in words


def test_eras_that_differ_alike_are_spans() -> None:
    words = " ".join(text(identify([], Kernel("7.3.0", (7, 3, 0), "x86_64", {}))).split())
    assert "Nearest: mainline 2.6.12 and later " in words
    assert "INCONCLUSIVE: no call was seen" in words


def test_what_did_not_run_or_was_lost_is_said() -> None:
    shown = text(vendor("el8-240"), SKIPPED, FAILED, lost=2)
    assert "Not run: 1 scenarios: needs TLS: no such module (1)" in shown
    assert "Failed: failed: ValueError: broken" in shown
    assert "2 calls lost" in " ".join(shown.split())


def test_a_kernel_that_is_like_none_is_a_disagreement_with_its_calls() -> None:
    (disagreed,) = DISAGREED.calls
    unlike = replace(vendor("el8-240"), disagreeing=tuple((f"scenario-{n}", disagreed) for n in range(20)))
    shown = text(unlike)
    words = " ".join(shown.split())
    assert "scenario-0: listen(3, 5) returned 0 and has no record" in words
    assert "scenario-11:" in words and "scenario-12:" not in words and "and 8 more" in words
    number = unlike.different
    assert words.endswith(
        "DISAGREE: no documented behaviour explains this kernel: "
        f"20 of {number} different experiments disagree with the nearest one"
    )


def test_names_that_calls_contradict_are_a_disagreement() -> None:
    behaviour, kernel = VENDORS["el8-240"]
    identified = identify(simulated(behaviour), kernel._replace(has={**kernel.has, "inet6_hash": False}))
    words = " ".join(text(identified).split())
    assert "ipv6_hash: inet6_hash shows inet_hash, the calls inet6_hash" in words
    assert words.endswith("experiments contradict what the kernel names: ipv6_hash")
