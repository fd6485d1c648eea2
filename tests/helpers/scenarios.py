"""Results of scenarios that need no kernel: what was made, what was seen, and runs of each outcome."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from listenwatch.call.record import ListenCall
from listenwatch.conformance.harness.journal import Issued, Journal, Reading
from listenwatch.conformance.harness.judging import judge_pair
from listenwatch.conformance.harness.registry import Scenario
from listenwatch.conformance.run import Result, ScenarioRun
from listenwatch.conformance.setting import Setting
from listenwatch.linux.kernel import Kernel
from listenwatch.model.inputs import EntryPath, Request, TcpState
from tests.helpers import make
from tests.helpers.eras import LINUX_7_3

SETTING = Setting("7.3.0 x86_64", "as is", "core", "kprobe", "asked for")
KERNEL = Kernel("7.3.0", (7, 3, 0), "x86_64", {})


def record(tid: int = 1, backlog: int = 5, fd: int = 3) -> ListenCall:
    """A TCP listen that went as the model says."""
    asked = Request(EntryPath.SYSCALL, True, True, backlog)
    result = make.outcome(backlog=backlog)
    call = make.observe(asked, make.TCP, make.environment(), result)
    return call._replace(tid=tid, fd=fd)


def issued(tid: int = 1, backlog: int = 5, fd: int = 3) -> Issued:
    """The same call as the scenario tells it, with a witness that agrees."""
    return Issued(tid, fd, backlog, 0, reading=Reading(TcpState.LISTEN, backlog, 0, backlog, 0))


def scenario(name: str = "name", work: Callable[..., None] = print) -> Scenario:
    return Scenario(name, "file", "summary", work, ())


def scenario_run(*results: Result, lost: int = 0, setting: Setting = SETTING) -> ScenarioRun:
    return ScenarioRun(setting, KERNEL, lost, results)


AGREED = Result("good", (judge_pair((issued(), record()), LINUX_7_3),))
DISAGREED = Result("bad", (judge_pair((issued(), None), LINUX_7_3),))
SKIPPED = Result("skipped", skip="needs TLS: no such module")
FAILED = Result("failed", AGREED.calls, error="Traceback\nValueError: broken")


class Pipe(list[bytes]):
    """Stands in for the pipe of a Journal."""

    def journal(self, monkeypatch: pytest.MonkeyPatch) -> Journal:
        monkeypatch.setattr("os.write", lambda _fd, line: self.append(line))
        return Journal(-1)
