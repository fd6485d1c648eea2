"""What pytest loads (entry point ``pytest11``): options, the marker and the fixture. All else is imported when it is used."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

from listenwatch.errors import ListenwatchError

if TYPE_CHECKING:
    from listenwatch.pytest_plugin.calls import Listenwatch

_NAME = "listenwatch-session"
_MARKER = (
    "listens(min_limit=None, clamped=None, failed=None): the test makes a listen() that succeeds; each gets at least min_limit; "
    "False: none is clamped by net.core.somaxconn, none fails; True: there is such a call, whatever listenwatch_fail_on says"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--listenwatch``, and what fails the session."""
    group = parser.getgroup("listenwatch", "the session's listen() calls, checked against the reference model")
    group.addoption("--listenwatch", action="store_true",
        help="watch every listen() of the session and its children")  # fmt: skip
    parser.addini("listenwatch_fail_on", default="disagree",
        help="with --listenwatch: what fails the test in which it happens, with commas between: disagree, clamped, failed, "
        "inconclusive, unmodelled, lost (default: disagree)")  # fmt: skip


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start pytest again below a process that watches it, before anything of the project is imported."""
    if early_config.known_args_namespace.listenwatch and not _is_watched():
        _start_again(early_config)
    return (yield)


def _is_watched() -> bool:
    from listenwatch.pytest_plugin.session_client import is_watched

    return is_watched()


def _start_again(config: pytest.Config) -> None:
    from listenwatch.pytest_plugin.session_server import run
    from listenwatch.report.tested import not_afresh_text

    if list(config.invocation_params.args) != sys.argv[1:]:
        raise pytest.UsageError(not_afresh_text())
    try:
        status = run([sys.executable, *sys.orig_argv[1:]])
    except ListenwatchError as error:
        raise pytest.UsageError(str(error)) from None
    sys.stdout.flush()
    os._exit(status)  # the child has said and written all there is


def pytest_configure(config: pytest.Config) -> None:
    """The marker; and what looks at each test, which is little where nothing is watched."""
    config.addinivalue_line("markers", _MARKER)
    if config.option.help:
        return
    from listenwatch.pytest_plugin.hooks import Hooks

    try:
        hooks = Hooks(config, is_watched=bool(config.option.listenwatch and _is_watched()))
    except ListenwatchError as error:
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(hooks, _NAME)


@pytest.fixture(name="listenwatch")
def _listenwatch(request: pytest.FixtureRequest) -> Iterator[Listenwatch]:
    """Watch a command's listen() calls: ``with listenwatch.watch([...]) as calls: call = calls.wait(port=8080)``."""
    from listenwatch.pytest_plugin.calls import Listenwatch

    hooks = request.config.pluginmanager.get_plugin(_NAME)
    assert hooks  # pytest_configure registered it
    yield Listenwatch(hooks.of(request.node))
