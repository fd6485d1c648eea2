"""Every listener of every network namespace, with the processes that hold it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from listenwatch.linux.netns import Namespace, cookie, find_namespaces, inside, somaxconn
from listenwatch.linux.privileges import ENTER_NAMESPACES, FIND_HOLDERS, remedy
from listenwatch.linux.processes import Process, find_holders
from listenwatch.linux.sock_diag import Listener, absent_handlers, listeners
from listenwatch.sockets.socket_units import SocketUnit, socket_unit_of


class ListenerRow(NamedTuple):
    """A listener, who holds it if that was found, and ``group``: how many sockets share its address.

    ``socket_unit`` is the systemd unit that process 1 made it for.
    """

    listener: Listener
    namespace: Namespace
    somaxconn: int | None
    holders: tuple[Process, ...]
    group: int
    socket_unit: SocketUnit | None = None


@dataclass(frozen=True)
class NamespaceListeners:
    """The listeners of one network namespace at one moment; ``cookie`` is that of the namespace."""

    namespace: Namespace
    cookie: int
    listeners: list[Listener]
    somaxconn: int | None

    def row(self, listener: Listener, holders: Mapping[int, tuple[Process, ...]]) -> ListenerRow:
        """One of them with who holds it."""
        held_by, group = holders.get(listener.inode, ()), self._groups[address_of(listener)]
        unit = socket_unit_of(listener.local, held_by)
        return ListenerRow(listener, self.namespace, self.somaxconn, held_by, group, unit)

    @cached_property
    def _groups(self) -> Counter[tuple[object, ...]]:
        return Counter(map(address_of, self.listeners))


class Inventory(NamedTuple):
    """Every listener, in words what could not be looked at, and how many namespaces ended meanwhile."""

    rows: list[ListenerRow]
    unseen: list[str]
    ended: int


class Readings(NamedTuple):
    """The listeners of the namespaces that could be read, and of each other its inode and why not."""

    every: list[NamespaceListeners]
    failed: list[tuple[int, OSError]]


def read(namespace: Namespace) -> NamespaceListeners:
    """What listens in a namespace now; OSError where it has gone, or this user may not enter it."""
    with inside(namespace):
        return NamespaceListeners(namespace, cookie(), listeners(), somaxconn())


def take(wanted: Callable[[Namespace], bool] = lambda _: True) -> Inventory:
    """Look at every namespace wanted."""
    namespaces, unreadable = find_namespaces()
    unseen = [f"the namespaces of {_processes(unreadable, FIND_HOLDERS)}"] if unreadable else []
    every, failed = read_all(filter(wanted, namespaces))
    left, refused = _gone_and_refused(failed)
    ended = 0
    if left:  # the process by which it would have been entered has ended: perhaps others live in it
        now = {namespace.inode: namespace for namespace in find_namespaces().namespaces}
        more, failed = read_all(now[inode] for inode in left if inode in now)
        gone, refused_now = _gone_and_refused(failed)
        every, refused, ended = every + more, refused + refused_now, len(left) - len(more) - len(refused_now) - len(gone)
        unseen += [f"network namespace {inode}: its processes end while they are looked for" for inode in gone]
    unseen += refused
    unseen += [f"what {module} lists: load that module, if the kernel has it" for module in absent_handlers()]
    inodes = {listener.inode for origin in every for listener in origin.listeners}
    holders, unreadable = find_holders(inodes)
    rows = [origin.row(listener, holders) for origin in every for listener in origin.listeners]
    if unreadable and not all(row.holders for row in rows):
        unseen.append(f"the descriptors of {_processes(unreadable, FIND_HOLDERS)}")
    return Inventory(rows, unseen, ended)


def read_all(namespaces: Iterable[Namespace]) -> Readings:
    """What listens in each, and the error of each that could not be read."""
    every, failed = [], []
    for namespace in namespaces:
        try:
            every.append(read(namespace))
        except OSError as error:
            failed.append((namespace.inode, error))
    return Readings(every, failed)


def _gone_and_refused(failed: Iterable[tuple[int, OSError]]) -> tuple[list[int], list[str]]:
    """The inodes of those that have just gone, and in words those that could not be read."""
    gone, refused = [], []
    for inode, error in failed:
        if isinstance(error, (FileNotFoundError, ProcessLookupError)):
            gone.append(inode)
        else:
            then = f" ({remedy(ENTER_NAMESPACES)})" if isinstance(error, PermissionError) else ""
            refused.append(f"network namespace {inode}: {error.strerror or error}{then}")
    return gone, refused


def address_of(listener: Listener) -> tuple[object, ...]:
    """Two listeners at one address can only be a SO_REUSEPORT group; AF_UNIX addresses are never shared."""
    if not listener.port:
        return (listener.cookie,)
    return listener.protocol, listener.address, listener.port, listener.interface


def _processes(number: int, needed: tuple[str, ...]) -> str:
    """How many could not be asked, and what to do."""
    text, then = "1 process" if number == 1 else f"{number} processes", remedy(needed)
    return f"{text}, not permitted" + (f" ({then})" if then else "")
