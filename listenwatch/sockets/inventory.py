"""Every listener of every namespace with its processes: one look at the machine, put together."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from listenwatch.sockets.diag import Listener, listeners
from listenwatch.sockets.namespaces import Namespace, find_namespaces, inside, somaxconn
from listenwatch.sockets.processes import Process, find_holders


class Row(NamedTuple):
    """A listener, where it is, who holds it. ``group`` counts the sockets that share its address.

    ``somaxconn`` is that of its namespace now; ``holders`` is empty where none could be found.
    """

    listener: Listener
    namespace: Namespace
    somaxconn: int | None
    holders: tuple[Process, ...]
    group: int


class Inventory(NamedTuple):
    """What was found, and in words what could not be looked at."""

    rows: list[Row]
    unseen: list[str]


def take(wanted: Callable[[Namespace], bool] = lambda _: True) -> Inventory:
    """Look at every namespace wanted."""
    namespaces, unreadable = find_namespaces()
    unseen, found = [], []
    if unreadable:
        unseen.append(f"the namespaces of {_processes(unreadable)}")
    for namespace in namespaces:
        if not wanted(namespace):
            continue
        try:
            with inside(namespace):
                here, limit = listeners(), somaxconn()
        except OSError as error:
            unseen.append(f"network namespace {namespace.inode}: {error.strerror or error}")
            continue
        shared = Counter(map(place, here))
        found += [(row, namespace, limit, shared[place(row)]) for row in here]
    holders, refused = find_holders({row.inode for row, *_ in found})
    rows = [
        Row(row, namespace, limit, holders.get(row.inode, ()), group)
        for row, namespace, limit, group in found
    ]
    if refused and any(not row.holders for row in rows):
        unseen.append(f"the descriptors of {_processes(refused)}")
    return Inventory(rows, unseen)


def place(row: Listener) -> tuple[object, ...]:
    """Two listeners at one place can only be a SO_REUSEPORT group; AF_UNIX addresses are never shared."""
    if not row.port:
        return (row.cookie,)
    return row.protocol, row.address, row.port, row.interface


def _processes(number: int) -> str:
    """How many, and what lets one ask them: other users' are for root only."""
    text = "1 process" if number == 1 else f"{number} processes"
    return f"{text}, not permitted" + ("" if os.geteuid() == 0 else " (run it as root)")
