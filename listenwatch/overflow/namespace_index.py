"""The listeners of one network namespace, by what a count of the probe knows of them: a cookie, or an address."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from listenwatch.bpf.overflow import Counted
from listenwatch.linux.names import address_name
from listenwatch.linux.sock_diag import Listener
from listenwatch.model.inputs import Family
from listenwatch.model.tcp_input import acceptq_is_full
from listenwatch.sockets.inventory import NamespaceListeners

Place = tuple[int, str, int]
"""Family, address and port; the port of an AF_UNIX listener is 0."""
_MAPPED = bytes(10) + b"\xff\xff"


class Match(NamedTuple):
    """A listener, the namespace it was seen in, and the number of those that cannot be told from it."""

    origin: NamespaceListeners
    listener: Listener
    one_of: int = 1


class NamespaceIndex:
    """Goes through the listeners once; no look-up does, as there may be as many counts as listeners."""

    def __init__(self, origin: NamespaceListeners) -> None:
        self.origin = origin
        self._by_cookie: dict[int, Match] = {}
        by_place: dict[Place, list[Listener]] = defaultdict(list)
        for listener in origin.listeners:
            self._by_cookie[listener.cookie] = Match(origin, listener)
            by_place[listener.family, listener.address, listener.port].append(listener)
        self.by_place = {place: _best(origin, candidates) for place, candidates in by_place.items()}

    def match(self, counted: Counted) -> Match | None:
        """Whose count it is: the probe has the cookie, or only the address."""
        if counted.cookie and (by_cookie := self._by_cookie.get(counted.cookie)):
            return by_cookie
        return next(filter(None, map(self.by_place.get, places_of(counted))), None)


def _best(origin: NamespaceListeners, candidates: list[Listener]) -> Match:
    """Of several the only one that is full; else they cannot be told apart, and the longest queue stands for all."""
    full = [listener for listener in candidates if acceptq_is_full(listener.queue, listener.limit)]
    if len(full) == 1:
        candidates = full
    return Match(origin, max(candidates, key=lambda listener: listener.queue), len(candidates))


def address_text(counted: Counted) -> str:
    """The listener's address, or that a packet went to; the length of an AF_UNIX name is in ``port``."""
    of_unix = counted.family == Family.UNIX
    return address_name(counted.family, counted.address[: counted.port] if of_unix else counted.address)


def places_of(counted: Counted) -> Iterator[Place]:
    """Where a listener may be that a packet to this address reaches: the address itself goes before the wildcard.

    So do ``inet_lookup_listener()`` and ``compute_score()``, net/ipv4/inet_hashtables.c. A socket of
    IPv6 takes packets of IPv4 if it is bound to the wildcard, or to the address as ``::ffff:...``.
    """
    family, address, port = counted.family, address_text(counted), counted.port
    if family == Family.UNIX:
        yield family, address, 0
        return
    of_ipv4 = family == Family.INET
    yield family, address, port
    if of_ipv4:
        yield Family.INET6, address_name(Family.INET6, _MAPPED + counted.address[:4]), port
    yield family, "0.0.0.0" if of_ipv4 else "[::]", port
    if of_ipv4:
        yield Family.INET6, "[::]", port
