"""Which listener, and whose, a count of the probe belongs to: found by its cookie, else by its address."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from listenwatch.engines.overflow import Counted
from listenwatch.model.inputs import Family
from listenwatch.model.queues import acceptq_is_full
from listenwatch.sockets.diag import Listener, listeners
from listenwatch.sockets.inventory import Row, place
from listenwatch.sockets.namespaces import Namespace, cookie, find_namespaces, inside, somaxconn
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
    cookie: int
    listeners: list[Listener]
    somaxconn: int | None


class Place(NamedTuple):
    """A listener found, and of how many that cannot be told apart."""

    here: Here
    listener: Listener
    one_of: int = 1


class Directory:
    """The listeners of the namespaces in question, looked at again in each interval."""

    def __init__(self) -> None:
        """Have the kernel give every listener there is its cookie (it does when asked): the probe reads it."""
        self.begin()
        for namespace in self.namespaces:
            self._at(namespace)

    def begin(self) -> None:
        """A new interval: what was seen of queues and namespaces is old."""
        self._here: dict[int, Here | None] = {}
        self.namespaces: list[Namespace] = find_namespaces().namespaces

    def name(self, counts: Iterable[Counted]) -> list[Named]:
        """The listener of each count, its queue as it is now, and who holds it."""
        found = [self._find(each) for each in counts]
        holders = find_holders({each.listener.inode for each in found if each}).by_inode
        return [_named(each, holders) for each in found]

    def _find(self, counted: Counted) -> Place | None:
        own = self._of(counted)
        if counted.family == Family.UNIX:
            return self._find_unix(unix_name(counted), own)
        if own is None:
            return None
        for listener in own.listeners:
            if counted.cookie and listener.cookie == counted.cookie:
                return Place(own, listener)
        return _one_of(own, _at_address(own.listeners, counted))

    def _find_unix(self, name: str, own: Here | None) -> Place | None:
        places = [own] if own else []
        if not name.startswith("@"):  # a path is the same in every network namespace
            places += [here for each in self.namespaces if (here := self._at(each)) and here != own]
        for here in places:
            there = [each for each in here.listeners if each.family == Family.UNIX]
            if found := _one_of(here, [each for each in there if each.address == name]):
                return found
        return None

    def _of(self, counted: Counted) -> Here | None:
        """Its network namespace, if it is there still; not another that has its number now."""
        found = [each for each in self.namespaces if each.inode == counted.netns]
        here = self._at(found[0]) if found else None
        known = here and here.cookie and counted.netns_cookie
        return None if here and known and here.cookie != counted.netns_cookie else here

    def _at(self, namespace: Namespace) -> Here | None:
        if namespace.inode not in self._here:
            self._here[namespace.inode] = _look(namespace)
        return self._here[namespace.inode]


def _look(namespace: Namespace) -> Here | None:
    """A namespace now; None where it has gone, or this user may not enter it."""
    try:
        with inside(namespace):
            return Here(namespace, cookie(), listeners(), somaxconn())
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def _one_of(here: Here, found: list[Listener]) -> Place | None:
    """One listener; of several the only one that is full, else they are not told apart."""
    if not found:
        return None
    full = [each for each in found if acceptq_is_full(each.queue, each.limit)]
    if len(full) == 1:
        found = full
    return Place(here, max(found, key=lambda each: each.queue), len(found))


def _named(found: Place | None, holders: Mapping[int, tuple[Process, ...]]) -> Named:
    if found is None:
        return Named(None)
    here, listener = found.here, found.listener
    group = sum(place(each) == place(listener) for each in here.listeners)
    who = holders.get(listener.inode, ())
    return Named(Row(listener, here.namespace, here.somaxconn, who, group), found.one_of)


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
