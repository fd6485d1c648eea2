"""Which listener a count of the probe belongs to, by its cookie or else by its address, and who holds it."""

import contextlib
from collections.abc import Iterable
from typing import NamedTuple

from listenwatch.bpf.overflow import Counted
from listenwatch.linux.netns import Namespace, find_namespaces
from listenwatch.linux.processes import find_holders
from listenwatch.model.inputs import Family
from listenwatch.overflow.namespace_index import (
    Match,
    NamespaceIndex,
    Place,
    address_text,
    places_of,
)
from listenwatch.sockets.inventory import ListenerRow, NamespaceListeners, read


class CountedListener(NamedTuple):
    """The listener behind a count, None if closed since; of ``one_of`` at the address that with the longest queue."""

    row: ListenerRow | None
    one_of: int = 1


class ListenerIndex:
    """The listeners of every network namespace, looked at again in each interval."""

    def __init__(self) -> None:
        """Have the kernel give every listener there is its cookie (it does when asked): the probe reads it."""
        self.refresh()
        for namespace in self.namespaces:
            self._look_at(namespace)

    def refresh(self) -> None:
        """A new interval: what was read of queues and namespaces is old."""
        self._indexes: dict[int, NamespaceIndex | None] = {}
        self._paths: dict[Place, Match] | None = None
        self.namespaces: list[Namespace] = find_namespaces().namespaces
        self._by_inode = {namespace.inode: namespace for namespace in self.namespaces}

    def find(self, counts: Iterable[Counted]) -> list[CountedListener]:
        """The listener of each count, its queue as it is now, and who holds it."""
        matches = self.matches(counts)
        holders = find_holders({match.listener.inode for match in matches if match}).by_inode
        return [
            CountedListener(match.origin.row(match.listener, holders), match.one_of) if match else CountedListener(None)
            for match in matches
        ]

    def matches(self, counts: Iterable[Counted]) -> list[Match | None]:
        """The listener of each count, None if closed since."""
        return [self._match(counted) for counted in counts]

    def _match(self, counted: Counted) -> Match | None:
        own = self._index_of(counted)
        if own and (match := own.match(counted)):
            return match
        if counted.family == Family.UNIX:  # a path is the same in every network namespace, an abstract name is not
            return self._by_path().get(next(places_of(counted)))
        return None

    def _by_path(self) -> dict[Place, Match]:
        if self._paths is None:
            self._paths = {}
            for index in filter(None, map(self._look_at, self.namespaces)):
                for place, match in index.by_place.items():
                    if place[0] == Family.UNIX and not place[1].startswith("@"):
                        self._paths.setdefault(place, match)
        return self._paths

    def _index_of(self, counted: Counted) -> NamespaceIndex | None:
        """Its network namespace, if it is there still; not another that has its number now."""
        namespace = self._by_inode.get(counted.netns)
        own = self._look_at(namespace) if namespace else None
        both = own and own.origin.cookie and counted.netns_cookie
        return own if own and (not both or own.origin.cookie == counted.netns_cookie) else None

    def _look_at(self, namespace: Namespace) -> NamespaceIndex | None:
        if namespace.inode not in self._indexes:
            origin = _read(namespace)
            self._indexes[namespace.inode] = NamespaceIndex(origin) if origin else None
        return self._indexes[namespace.inode]


def _read(namespace: Namespace) -> NamespaceListeners | None:
    """A namespace now; None where it has gone, or this user may not enter it."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
        return read(namespace)
    return None


def local_of(counted: Counted) -> str:
    """Address and port."""
    address = address_text(counted)
    return address if counted.family == Family.UNIX else f"{address}:{counted.port}"
