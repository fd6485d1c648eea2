"""Answers that are right and that no kernel gives by itself: a module makes it, and verify has to agree by the rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from listenwatch.conformance.harness import ulp
from listenwatch.conformance.harness.registry import Scenario
from listenwatch.conformance.harness.socket_kinds import IPV4, UNIX
from listenwatch.conformance.harness.testbed import REUSEPORT, Testbed
from listenwatch.conformance.run import ScenarioRun
from listenwatch.model.rules import Rule
from listenwatch.report.judged import judged_reason
from listenwatch.verdict.compare import VerdictKind


class Rare(NamedTuple):
    """A module, the rule by which a call ends while it is loaded, and the scenario whose last call does.

    ``like`` are the fields of Behaviour that the module gives the kernel, where it makes it one of another time.
    """

    module: str
    rule: Rule
    scenario: Scenario
    like: dict[str, object] = {}  # noqa: RUF012  never changed


def _with_protocol(testbed: Testbed) -> None:
    """listen() on a socket whose upper layer protocol cannot be cloned: refused, and again."""
    sock = testbed.bound(IPV4)
    ulp.attach(sock, b"listenwatch")
    testbed.listen(sock, 5, 6)


def _in_group(testbed: Testbed) -> None:
    """listen() on a socket that wants to share its port, for which there is no memory."""
    testbed.listen(testbed.bound(IPV4, None, REUSEPORT), 5)


def _of_wrong_state(testbed: Testbed) -> None:
    """listen() on an accepted AF_UNIX socket, which 6.16 to 7.1.7 told that it listens."""
    testbed.listen(testbed.connection(UNIX)[1], 5)


def _scenario(name: str, function: Callable[[Testbed], None]) -> Scenario:
    return Scenario(name, "rare", (function.__doc__ or "").strip(), function, ())


RARE = (
    Rare("ulp_without_clone", Rule.ULP_REFUSED, _scenario("ulp-without-clone", _with_protocol)),
    Rare("no_reuseport_memory", Rule.HASH_FAILED, _scenario("no-reuseport-memory", _in_group)),
    Rare(
        "unix_state_ignored", Rule.UNIX_WRONG_STATE_IGNORED, _scenario("unix-state-ignored", _of_wrong_state),
        {"unix_wrong_state_listens": True},
    ),
)


def unlike(rare: Rare, run: ScenarioRun) -> list[str]:
    """What is wrong with a run of its scenario: a call that does not agree, or the last not by the rule; or none."""
    wrong = [
        f"{rare.module}: {judged.verdict.kind.value} by {judged.verdict.rule}, not {rare.rule.value}: {judged_reason(judged)}"
        for judged in run.calls
        if judged.verdict.kind is not VerdictKind.AGREE or (judged is run.calls[-1] and judged.verdict.rule != rare.rule.value)
    ]
    failed = [f"{rare.module}: {error}" for error in run.errors.values()]
    return [*wrong, *failed] or ([] if run.calls else [f"{rare.module}: no call"])
