"""Builds matrices to talk about: what ``verify --json`` would print, and kernels made of it."""

from __future__ import annotations

from typing import Any

from listenwatch.conformance.matrix.results import GUEST, KernelRun, Matrix, kernel_run
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import EntryPath, Family, Request, Socket
from listenwatch.report.call_json import judged_to_json
from listenwatch.verdict.codec import outcome_to_json
from listenwatch.verdict.compare import VerdictKind, judge
from tests.helpers import make
from tests.helpers.eras import LINUX_7_3

NAME = "backlog-kept-ipv4"


def call(
    scenario: str = NAME, mode: str = "kprobe", *, wrong: bool = False,
    behaviour: Behaviour = LINUX_7_3, sock: Socket = make.TCP,
) -> dict[str, Any]:  # fmt: skip
    """A line for one call; a ``wrong`` one stored another limit than the model says."""
    result = make.outcome(sock, behaviour=behaviour)
    asked = Request(EntryPath.SYSCALL, True, True, 511)
    record = make.observe(asked, sock, make.environment(), result)
    record = record._replace(address=bytes(4 if sock.family == Family.INET else 16))
    if wrong:
        record = record._replace(post=record.post._replace(max_ack_backlog=7))
    verdict = judge(record, behaviour)
    assert verdict.kind is (VerdictKind.DISAGREE if wrong else VerdictKind.AGREE)
    named = {"scenario": scenario, "engine": "core", "attach": mode}
    return {**judged_to_json(record, verdict), "predicted": outcome_to_json(verdict.outcome), **named}


def summary(*lines: dict[str, Any], mode: str = "kprobe", **more: Any) -> dict[str, Any]:
    """The summary of a mode that printed these lines."""
    kinds = [line["verdict"] for line in lines]
    names = list(dict.fromkeys(line["scenario"] for line in lines))
    has = {"inet6_hash": True, "__inet_listen_sk": True}
    fields: dict[str, Any] = {
        **{kind.value.lower(): kinds.count(kind.value) for kind in VerdictKind},
        "lost": 0, "not_run": 0, "scenarios": len(names), "scenario_names": names, "skipped": {}, "errors": {},
        "repeated": {}, "equality": None, "rules": {}, "backlog_rules": {}, "behaviour": "as it is",
        "engine": "core", "attach": mode, "why": "asked for", "incomplete": [],
        "kernel": {"release": "7.3.4", "version": [7, 3, 4], "machine": "x86_64", "has": has},
    }  # fmt: skip
    return {"schema": "listenwatch/verify-summary/1", "reason": "", "summary": fields | more}


def kernel(series: str, *printed: dict[str, Any], problem: str = "") -> KernelRun:
    return kernel_run(series, GUEST, 12.0, printed, problem)


def good(series: str = "7.3") -> KernelRun:
    return kernel(series, call(), summary(call()))


def bad(series: str = "6.1") -> KernelRun:
    return kernel(series, call(wrong=True), summary(call(wrong=True)))


def gone(series: str = "5.10", problem: str = "the guest did not boot\n  its console") -> KernelRun:
    return kernel(series, problem=problem)


def matrix(*kernels: KernelRun) -> Matrix:
    return Matrix(kernels, "2026-11-25T00:00:00.000000000Z", 30.0)
