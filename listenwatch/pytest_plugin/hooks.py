"""What happens at each test: the calls that came are its own, are judged by what was asked of them, and reported."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from listenwatch.pytest_plugin.judging import Watched
    from listenwatch.pytest_plugin.seen import SeenCall
    from listenwatch.pytest_plugin.session_client import Client
    from listenwatch.pytest_plugin.summary import Summary

_MARKER = "listens"
_REPORTED = "listenwatch"
"""The attribute of a report that has the test's calls, as plain values: those of xdist's workers come as JSON."""


class Hooks:
    """The plug-in object: of the one process, of xdist's controller, or of one of its workers."""

    def __init__(self, config: pytest.Config, *, is_watched: bool) -> None:
        self._config, self._is_worker = config, hasattr(config, "workerinput")
        self._client: Client | None = None
        self._fail_on: tuple[str, ...] = ()
        self._watched = pytest.StashKey["Watched"]()
        self._session: list[SeenCall] = []
        self._reports: dict[str, Mapping[str, Any]] = {}
        if is_watched:
            from listenwatch.pytest_plugin.expectations import conditions_of
            from listenwatch.pytest_plugin.session_client import Client

            self._fail_on = conditions_of(config.getini("listenwatch_fail_on"))
            self._client = Client()
            self._new()  # the first question takes longest

    def _new(self) -> list[SeenCall]:
        calls = [call.seen for call in self._client.new()] if self._client else []
        self._session += calls
        return calls

    # -- at each test

    def of(self, item: pytest.Item) -> Watched:
        """What is known of a test's calls."""
        from listenwatch.pytest_plugin.judging import Watched

        return item.stash.setdefault(self._watched, Watched())

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """What came before belongs to no test."""
        if self._client:
            self._new()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Once a test was called, and once it was taken down: its calls, and what is wrong with them."""
        calls = self._new() if self._client and call.when != "setup" else []
        marker = item.get_closest_marker(_MARKER)
        if call.when == "setup" or not (calls or marker or self._watched in item.stash):
            return (yield)
        from listenwatch.pytest_plugin.judging import judge_report

        watched = self.of(item)
        watched.calls += calls
        is_over = call.when == "teardown"
        if is_over:
            item.user_properties += watched.properties()
        report = yield
        judge_report(report, watched, marker, self._fail_on, is_watched=self._client is not None)
        if is_over:
            setattr(report, _REPORTED, watched.as_plain())
        return report

    # -- the whole

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what the summary needs; of a test that ran again only the last."""
        if plain := getattr(report, _REPORTED, None):
            self._reports[report.nodeid] = plain

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A call that belongs to no test fails the session."""
        if self._is_worker or not self._client:
            return
        self._new()
        summary = self._summary()
        if summary.outside_problems and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The section of the terminal's summary; none where nothing was watched."""
        if self._client or self._reports:
            self._summary().write(terminalreporter)

    def _summary(self) -> Summary:
        from listenwatch.pytest_plugin import summary

        watch = (self._client.attach, self._client.lost) if self._client else None
        return summary.Summary(self._session, self._reports, self._fail_on, watch)

    def pytest_unconfigure(self) -> None:
        """Leave the session."""
        if self._client:
            self._client.close()
            self._client = None
