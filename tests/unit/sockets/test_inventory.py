"""Namespaces that end while they are looked at: only those that are gone for good count as such."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from listenwatch.linux.netns import Namespace, Namespaces
from listenwatch.linux.processes import Holders
from listenwatch.sockets import inventory
from listenwatch.sockets.inventory import NamespaceListeners, take

HERE, SHORT, MOVED = (Namespace(number, Path(f"/proc/{number}/ns/net")) for number in (1, 2, 3))


def machine(monkeypatch: pytest.MonkeyPatch, *looks: Iterable[Namespace], refused: type[OSError]) -> list[Path]:
    """Each look finds these namespaces; by the path of SHORT or MOVED none can be entered."""
    left, read = iter(looks), []

    def enter(namespace: Namespace) -> NamespaceListeners:
        read.append(namespace.path)
        if namespace in (SHORT, MOVED):
            raise refused
        return NamespaceListeners(namespace, 0, [], 128)

    monkeypatch.setattr(inventory, "find_namespaces", lambda: Namespaces(list(next(left)), 0))
    monkeypatch.setattr(inventory, "read", enter)
    monkeypatch.setattr(inventory, "find_holders", lambda inodes: Holders({}, 0))
    return read


@pytest.mark.parametrize("error", [FileNotFoundError, ProcessLookupError])
def test_one_that_is_not_there_any_more_has_ended(monkeypatch: pytest.MonkeyPatch, error: type[OSError]) -> None:
    machine(monkeypatch, [HERE, SHORT, MOVED], [HERE], refused=error)
    seen = take()
    assert (seen.unseen, seen.ended) == ([], 2)


def test_one_that_another_process_lives_in_is_entered_by_that(monkeypatch: pytest.MonkeyPatch) -> None:
    again = MOVED._replace(path=Path("/proc/9/ns/net"))
    read = machine(monkeypatch, [HERE, SHORT, MOVED], [HERE, again], refused=ProcessLookupError)
    seen = take()
    assert (seen.unseen, seen.ended) == ([], 1)
    assert read == [HERE.path, SHORT.path, MOVED.path, again.path]


def test_one_that_cannot_be_entered_though_it_is_there_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, [HERE, SHORT], [HERE, SHORT], refused=ProcessLookupError)
    seen = take()
    assert (seen.unseen, seen.ended) == (["network namespace 2: its processes end while they are looked for"], 0)


def test_one_that_may_not_be_entered_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, [HERE, SHORT], refused=PermissionError)
    seen = take()
    assert len(seen.unseen) == 1 and seen.unseen[0].startswith("network namespace 2: ")
    assert seen.ended == 0
