"""The priority of the thread that reads records."""

from __future__ import annotations

import os
import threading

import pytest

from listenwatch.linux.priority import BEFORE_OTHERS, run_before_others


def priority_in_a_thread() -> int:
    """What a thread has afterwards: this one keeps its own."""
    values: list[int] = []

    def run() -> None:
        run_before_others()
        values.append(os.getpriority(os.PRIO_PROCESS, 0))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return values[0]


def test_only_the_thread_that_asks_comes_first() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert priority_in_a_thread() in (BEFORE_OTHERS, before)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_without_the_privilege_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(which: int, who: int, value: int) -> None:
        raise PermissionError(13, "Permission denied")

    before = os.getpriority(os.PRIO_PROCESS, 0)
    monkeypatch.setattr(os, "setpriority", refuse)
    assert priority_in_a_thread() == before
