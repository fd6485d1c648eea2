"""One look at the machine: the listeners that are wanted, each with its diagnosis, what it asked for, and advice."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from listenwatch.linux.kernel import Version
from listenwatch.model.kernels import behaviour_for
from listenwatch.sockets.advice import Advice, advise
from listenwatch.sockets.asked import AskedBacklogs
from listenwatch.sockets.consumer import Consumer
from listenwatch.sockets.consumers import look_at_consumers, worth_a_look
from listenwatch.sockets.diagnosis import Diagnosis, Finding, diagnose
from listenwatch.sockets.inventory import ListenerRow, take
from listenwatch.sockets.listener_filter import EVERY, ListenerFilter

FINDINGS = {
    "full": frozenset({Finding.FULL}),
    "clamped": frozenset({Finding.CLAMPED, Finding.LIKELY_CLAMPED, Finding.AT_SOMAXCONN}),
    "stale": frozenset({Finding.STALE, Finding.LIKELY_STALE}),
}
"""What may be asked for by one word."""


class DiagnosedListener(NamedTuple):
    """A listener with what can be said of it. ``asked`` is the backlog its listen() was seen to ask for.

    ``consumer`` is who accepts its connections; None where nothing waits, and where nobody looked.
    """

    row: ListenerRow
    diagnosis: Diagnosis
    asked: int | None
    advice: Advice | None
    consumer: Consumer | None = None

    @property
    def is_cause(self) -> bool:
        """Whether its processes keep it from accepting."""
        return self.consumer is not None and self.consumer.is_cause

    @property
    def is_advised(self) -> bool:
        """Whether there is something to do: about its processes, or about its queue."""
        return self.advice is not None or self.is_cause


class Look(NamedTuple):
    """The listeners wanted of ``total``, in words what could not be looked at, and how many namespaces ended meanwhile."""

    listeners: list[DiagnosedListener]
    total: int
    unseen: list[str]
    ended: int


ORDERS: dict[str, Callable[[ListenerRow], Any]] = {
    "netns": lambda row: (not row.namespace.is_own, row.namespace.inode, row.listener.port),
    "fullness": lambda row: (-row.listener.queue / (row.listener.limit + 1), -row.listener.queue),
    "queue": lambda row: (-row.listener.queue, row.listener.port),
    "limit": lambda row: (row.listener.limit, row.listener.port),
    "port": lambda row: (row.listener.port, row.listener.local),
    "pid": lambda row: [process.pid for process in row.holders],
    "name": lambda row: [process.name for process in row.holders],
}
"""The orders there are."""


def look(
    version: Version, wanted: ListenerFilter = EVERY, *, having: Collection[str] = (),
    order: str = "netns", asked: AskedBacklogs | None = None,
) -> Look:
    """The listeners that pass the filter and have a finding of each of ``having``, by ORDERS; advice for ``version``."""
    inventory = take(lambda namespace: wanted.has_namespace(namespace.inode))
    behaviour = behaviour_for(version)
    listeners = []
    for row in sorted(filter(wanted.has_listener, inventory.rows), key=ORDERS[order]):
        backlog = asked.of(row) if asked else None
        diagnosis = diagnose(row, behaviour, backlog)
        if all(FINDINGS[word] & set(diagnosis.reasons) for word in having):
            advice = advise(row, diagnosis, version, backlog)
            listeners.append(DiagnosedListener(row, diagnosis, backlog, advice))
    consumers = look_at_consumers(worth_a_look([shown.row for shown in listeners]))
    listeners = [shown._replace(consumer=consumers.get(shown.row.listener.cookie)) for shown in listeners]
    return Look(listeners, len(inventory.rows), inventory.unseen, inventory.ended)
