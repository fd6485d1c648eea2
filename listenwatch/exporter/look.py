"""One look at every listener of the machine: what it is now, by its labels."""

from collections.abc import Callable
from typing import NamedTuple

from listenwatch.exporter.labels import Labels
from listenwatch.exporter.placing import Placing
from listenwatch.exporter.series import ListenerState
from listenwatch.linux.netns import Namespace, find_namespaces
from listenwatch.linux.sock_diag import Listener
from listenwatch.model.behaviour import Behaviour
from listenwatch.sockets.diagnosis import Finding, diagnose
from listenwatch.sockets.inventory import ListenerRow, NamespaceListeners, read_all

Asked = Callable[[ListenerRow], int | None]
"""Tells the backlog that a listener asked for, None where that was not seen."""
_CLAMPED = {Finding.CLAMPED, Finding.LIKELY_CLAMPED}
_STALE = {Finding.STALE, Finding.LIKELY_STALE}


class Look(NamedTuple):
    """The listeners by their labels, how many there are, somaxconn of each namespace by its inode number, and what was not seen.

    ``refused`` namespaces could not be entered, and ``unreadable`` processes not be asked which they live in.
    """

    states: dict[Labels, ListenerState]
    listeners: int
    somaxconn: dict[int, int]
    namespaces: list[Namespace]
    refused: int
    unreadable: int


def take(placing: Placing, behaviour: Behaviour, asked: Asked) -> Look:
    """Look at every namespace."""
    namespaces, unreadable = find_namespaces()
    origins, failed = read_all(namespaces)
    refused = sum(isinstance(error, PermissionError) for _, error in failed)  # the others have just gone: no listener
    pairs = [(origin, listener) for origin in origins for listener in origin.listeners]
    names = placing.names
    names.learn(pairs)
    names.forget_but({listener.cookie for _, listener in pairs})
    states: dict[Labels, ListenerState] = {}
    for origin, listener in pairs:
        labels = placing.of(listener)
        state = _state(origin, listener, placing, behaviour, asked)
        states[labels] = _fuller(states[labels], state) if labels in states else state
    somaxconn = {o.namespace.inode: o.somaxconn for o in origins if o.somaxconn is not None}
    return Look(states, len(pairs), somaxconn, namespaces, refused, unreadable)


def _state(
    origin: NamespaceListeners, listener: Listener, placing: Placing, behaviour: Behaviour, asked: Asked
) -> ListenerState:
    row = origin.row(listener, {listener.inode: placing.names.of(listener).holders})
    backlog = asked(row)
    diagnosis = diagnose(row, behaviour, backlog)
    findings = set(diagnosis.reasons)
    return ListenerState(
        listener.limit, backlog, listener.queue, diagnosis.capacity, bool(_CLAMPED & findings), bool(_STALE & findings), 1,
    )  # fmt: skip


def _fuller(a: ListenerState, b: ListenerState) -> ListenerState:
    """The one nearer to refusing, for both."""
    fullest = max(a, b, key=lambda state: (state.queue / state.capacity, state.queue))
    return fullest._replace(sockets=a.sockets + b.sockets)
