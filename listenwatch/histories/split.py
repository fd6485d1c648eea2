"""Which calls and which records are whose: two streams cut at the marks before each history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from listenwatch.histories.run import FIRST_MARK
from listenwatch.record import ListenCall
from listenwatch.scenarios.journal import Issued

C = TypeVar("C", Issued, ListenCall)


def by_history(calls: Iterable[C]) -> dict[int, list[C]]:
    """The calls of each history by its number, without the marks; what comes before a mark is nobody's (-1)."""
    histories: dict[int, list[C]] = {}
    here = -1
    for call in calls:
        if call.fd <= FIRST_MARK:
            here = FIRST_MARK - call.fd
            histories[here] = []
        else:
            histories.setdefault(here, []).append(call)
    return histories
