"""Who each listener belongs to: found out once for each socket, and remembered for a while after it is gone."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from listenwatch.bpf.overflow import Counted
from listenwatch.call.record import ListenCall
from listenwatch.exporter.labels import (
    Labels,
    Named,
    as_it_is,
    of_call,
    of_place,
    of_row,
    place_of_call,
)
from listenwatch.linux.processes import Process, find_holders
from listenwatch.linux.sock_diag import Listener
from listenwatch.overflow.namespace_index import Place, address_text, places_of
from listenwatch.sockets.inventory import NamespaceListeners

MOST_PLACES = 65_536
"""How many places are remembered of listeners that may be gone."""
TRIES = 3
"""How often the holder of a socket, and its pod's name, are looked for: the kernel's own servers have none."""


class Known(NamedTuple):
    """A socket: its labels, who held it when it was last looked at, since when, and how often that was looked for.

    ``since`` is a time of the clock, before all others for those of the first look.
    """

    labels: Labels
    holders: tuple[Process, ...]
    since: float
    tries: int


class Names:
    """The labels by a socket's cookie, and by the place where one listened. ``saw`` may be called by another thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, named: Named | None = None) -> None:
        """``named`` tells the names of pods that the machine's own files do not."""
        self._clock, self._named = clock, named or as_it_is
        self._has_namespaces = named is not None
        self._known: dict[int, Known] = {}
        self._places: OrderedDict[tuple[int, Place], Labels] = OrderedDict()
        self._lock = threading.Lock()
        self._first_look = True

    def learn(self, listeners: Iterable[tuple[NamespaceListeners, Listener]]) -> None:
        """Find out whose those are that are not known yet: one pass over /proc if there are any."""
        new = [pair for pair in listeners if self._is_unknown(pair[1])]
        now, self._first_look = -math.inf if self._first_look else self._clock(), False
        if not new:
            return
        holders = find_holders({listener.inode for _, listener in new}).by_inode
        for origin, listener in new:
            row, before = origin.row(listener, holders), self._known.get(listener.cookie)
            known = Known(of_row(row, self._named), row.holders, before.since if before else now, before.tries + 1 if before else 1)
            self._known[listener.cookie] = known
            place = listener.family, listener.address, listener.port
            self._remember(origin.namespace.inode, place, known.labels)

    def of(self, listener: Listener) -> Known:
        """What is known of a listener that was learned."""
        return self._known[listener.cookie]

    def saw(self, call: ListenCall) -> None:
        """A listen() that succeeded: its listener may be gone before anybody looks."""
        place = place_of_call(call)
        self._remember(call.netns_inode, place, of_call(call, place, self._named))

    def of_gone(self, counted: Counted) -> Labels | None:
        """Whose the listener was that a count names by its address; None if it was never seen."""
        for place in places_of(counted):
            if labels := self._places.get((counted.netns, place)):
                return labels
        return None

    def forget_but(self, cookies: set[int]) -> None:
        """Only these sockets are there still."""
        for cookie in self._known.keys() - cookies:
            del self._known[cookie]

    def _is_unknown(self, listener: Listener) -> bool:
        known = self._known.get(listener.cookie)
        if known is None or known.tries >= TRIES:
            return known is None
        return not known.holders or (self._has_namespaces and bool(known.labels.pod) and not known.labels.namespace)

    def _remember(self, netns: int, place: Place, labels: Labels) -> None:
        with self._lock:
            self._places[netns, place] = labels
            self._places.move_to_end((netns, place))
            if len(self._places) > MOST_PLACES:
                self._places.popitem(last=False)


def unnamed(counted: Counted) -> Labels:
    """The labels of a count whose listener nobody saw."""
    return of_place(counted.family, address_text(counted), counted.port, counted.netns)
