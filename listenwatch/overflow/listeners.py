"""Which listener, and whose, a count of the probe belongs to: found by its cookie, else by its address."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from listenwatch.engines.overflow import Counted
from listenwatch.model.inputs import Family
from listenwatch.model.queues import acceptq_is_full
from listenwatch.sockets.diag import Listener, listeners
from listenwatch.sockets.inventory import Row, place
from listenwatch.sockets.namespaces import Namespace, find_namespaces, inside, somaxconn
from listenwatch.sockets.processes import Process, find_holders


class Named(NamedTuple):
    """The listener behind a count. ``row`` is None where none is found: it was closed since.

    ``one_of`` is above 1 where so many sockets share the address (SO_REUSEPORT) and the probe
    cannot tell which of them it was: ``row`` is then the one whose queue is longest.
    """

    row: Row | None
    one_of: int = 1


class Here(NamedTuple):
    """One network namespace as it was looked at in this interval."""

    namespace: Namespace
    listeners: list[Listener]
    somaxconn: int | None


class Directory:
    """The listeners of the namespaces in question; looked at again in each interval, holders only once."""

    def __init__(self) -> None:
        self._here: dict[int, Here] = {}
        self._holders: dict[int, tuple[Process, ...]] = {}
        self.namespaces: list[Namespace] = []

    def begin(self) -> None:
        """A new interval: what was seen of queues and namespaces is old."""
        self._here.clear()
        self.namespaces = find_namespaces().namespaces

    def look(self, namespaces: Iterable[Namespace]) -> None:
        """Have the kernel give each listener its cookie (it does when asked), so that the probe can tell it."""
        for namespace in namespaces:
            self._at(namespace)

    def name(self, counted: Counted) -> Named:
        """The listener of a count, its queue as it is now, and its processes."""
        if counted.family == Family.UNIX:
            return self._name_unix(counted)
        here = self._find(counted.netns)
        if here is None:
            return Named(None)
        if counted.cookie:
            found = [each for each in here.listeners if each.cookie == counted.cookie]
            if found:
                return Named(self._row(here, found[0]))
        return self._one_of(here, _at_address(here.listeners, counted))

    def _name_unix(self, counted: Counted) -> Named:
        name = unix_name(counted)
        own = self._find(counted.netns)
        places = [own] if own else []
        if not name.startswith("@"):  # a path is the same in every network namespace
            places += [here for each in self.namespaces if (here := self._at(each)) and here != own]
        for here in places:
            found = [
                each
                for each in here.listeners
                if each.family == Family.UNIX and each.address == name
            ]
            if found:
                return self._one_of(here, found)
        return Named(None)

    def _one_of(self, here: Here, found: list[Listener]) -> Named:
        """One listener; of several the only one that is full, else they are not told apart."""
        if not found:
            return Named(None)
        full = [each for each in found if acceptq_is_full(each.queue, each.limit)]
        if len(full) == 1:
            found = full
        longest = max(found, key=lambda each: each.queue)
        return Named(self._row(here, longest), len(found))

    def _row(self, here: Here, listener: Listener) -> Row:
        if listener.cookie not in self._holders:
            found = find_holders({listener.inode}).by_inode
            self._holders[listener.cookie] = found.get(listener.inode, ())
        group = sum(place(each) == place(listener) for each in here.listeners)
        holders = self._holders[listener.cookie]
        return Row(listener, here.namespace, here.somaxconn, holders, group)

    def _find(self, inode: int) -> Here | None:
        for namespace in self.namespaces:
            if namespace.inode == inode:
                return self._at(namespace)
        return None

    def _at(self, namespace: Namespace) -> Here | None:
        if namespace.inode not in self._here:
            try:
                with inside(namespace):
                    self._here[namespace.inode] = Here(namespace, listeners(), somaxconn())
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ESRCH, errno.EPERM, errno.EACCES, None):
                    raise
                return None
        return self._here[namespace.inode]


def address_of(counted: Counted) -> str:
    """The listener's address, or that a packet went to, as sockets are listed."""
    if counted.family == Family.INET:
        return str(IPv4Address(counted.address[:4]))
    if counted.family == Family.INET6:
        return f"[{IPv6Address(counted.address[:16])}]"
    return unix_name(counted)


def local_of(counted: Counted) -> str:
    """Address and port."""
    address = address_of(counted)
    return address if counted.family == Family.UNIX else f"{address}:{counted.port}"


def unix_name(counted: Counted) -> str:
    """The path, or ``@name`` of an abstract one; the length of it is in ``port``."""
    name = counted.address[: counted.port]
    name = b"@" + name[1:] if name.startswith(b"\0") else name.split(b"\0")[0]
    return name.rstrip(b"\0").decode("utf-8", "backslashreplace")


def _at_address(found: list[Listener], counted: Counted) -> list[Listener]:
    """Those that a packet to this address reaches: the address itself goes before the wildcard.

    So do ``inet_lookup_listener()`` and ``compute_score()``, net/ipv4/inet_hashtables.c. A socket of
    IPv6 takes packets of IPv4 if it is bound to the wildcard, or to the address as ``::ffff:...``.
    """
    there = [each for each in found if each.port == counted.port and each.family != Family.UNIX]
    wanted = address_of(counted)
    for fits in _LEVELS:
        if matching := [each for each in there if fits(each, counted, wanted)]:
            return matching
    return []


_Fits = Callable[[Listener, Counted, str], bool]
_LEVELS: tuple[_Fits, ...] = (
    lambda each, counted, wanted: each.family == counted.family and each.address == wanted,
    lambda each, counted, wanted: (
        counted.family == Family.INET and each.address == f"[{IPv6Address(f'::ffff:{wanted}')}]"
    ),
    lambda each, counted, _: each.family == counted.family and each.address in ("0.0.0.0", "[::]"),
    lambda each, counted, _: counted.family == Family.INET and each.address == "[::]",
)
