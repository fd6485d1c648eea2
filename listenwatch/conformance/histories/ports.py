"""Who holds which port in a history, kept from what its own calls returned: what listen() will find.

Only what is certain: a port on which there ever was a connection, or that MPTCP gave up, is
``unsure``, because sockets that nobody has a descriptor of any more may hold it.
"""

import socket
from copy import copy
from typing import Any

from listenwatch.conformance.harness.socket_kinds import IPPROTO_MPTCP
from listenwatch.model import bind_conflict
from listenwatch.model.bind_conflict import Holder, Port, get_port

EPHEMERAL = (50000, 60999)
"""The range where no history narrows it: never used up by one history."""


_FLAGS = {
    (socket.SOL_SOCKET, socket.SO_REUSEADDR): "reuse",
    (socket.SOL_SOCKET, socket.SO_REUSEPORT): "reuseport",
    (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY): "v6only",
}
"""Level and name of an option, and the field of a Holder that has it."""


class _Entry:
    """A socket of the history and where it is."""

    def __init__(self, holder: Holder, namespace: int, *, mptcp: bool) -> None:
        self.holder, self.namespace, self.mptcp = holder, namespace, mptcp
        self.port = 0
        self.keeps_port = False  # SOCK_BINDPORT_LOCK: bound to a port it named
        self.keeps_address = False  # SOCK_BINDADDR_LOCK
        self.names = 1


class PortTable:
    """The ports of one history in both of its network namespaces, and the sockets that hold them."""

    def __init__(self) -> None:
        self.namespace = 0
        self._entries: dict[int, _Entry] = {}
        self._ports: dict[tuple[int, int], Port] = {}
        self._unsure: set[tuple[int, int]] = set()
        self._connected: set[int] = set()
        self._ranges = {0: EPHEMERAL, 1: EPHEMERAL}

    def port_free(self, slot: int) -> bool | None:
        """Whether listen() will find the port, or any, free; None where that is not certain."""
        entry = self._entries.get(slot)
        if entry is None or entry.holder.listening:
            return None
        if not entry.port:
            return self._finds_open_port(entry)
        place = (entry.namespace, entry.port)
        port = self._ports.get(place)
        if port is None or place in self._unsure or bind_conflict.depends_on_kernel(entry.holder, port.holders):
            return None
        trial = copy(port)
        trial.holders = list(port.holders)
        return get_port(trial, entry.holder, to_listen=True)

    def _finds_open_port(self, entry: _Entry) -> bool | None:
        low, high = self._ranges[entry.namespace]
        if (low, high) == EPHEMERAL:
            return True
        if entry.namespace in self._connected:
            return None
        ports = [self._ports.get((entry.namespace, port)) for port in range(low, high + 1)]
        return bind_conflict.finds_open_port(ports, entry.holder)

    # -- what happened

    def opened(self, slot: int, family: int, kind: int, protocol: int) -> None:
        """A socket was made."""
        if kind == socket.SOCK_STREAM and family in (socket.AF_INET, socket.AF_INET6):
            mptcp = protocol == IPPROTO_MPTCP
            self._entries[slot] = _Entry(Holder(family), self.namespace, mptcp=mptcp)

    def option_set(self, slot: int, level: int, name: int, value: int) -> None:
        """setsockopt() took a value."""
        if (entry := self._entries.get(slot)) and (level, name) in _FLAGS:
            setattr(entry.holder, _FLAGS[level, name], bool(value))

    def device_set(self, slot: int, name: str) -> None:
        """SO_BINDTODEVICE took a name: there is one device, or any."""
        if entry := self._entries.get(slot):
            entry.holder.device = int(bool(name))

    def bound(self, slot: int, sock: Any, asked: int) -> None:
        """bind() succeeded."""
        if entry := self._entries.get(slot):
            holder = entry.holder
            host, entry.port = sock.getsockname()[:2]
            holder.address = socket.inet_pton(holder.family, host)
            entry.keeps_port = bool(asked)
            entry.keeps_address = any(holder.address)
            if holder.family == socket.AF_INET6 and any(holder.address) and not holder.mapped:
                holder.v6only = True
            self._take(entry, to_listen=False)

    def listened(self, slot: int, sock: Any) -> None:
        """listen() returned 0."""
        entry = self._entries.get(slot)
        if entry and not entry.holder.listening:
            entry.port = sock.getsockname()[1]
            self._take(entry, to_listen=True)
            entry.holder.listening = True
            entry.holder.grouped = entry.holder.reuseport

    def connecting(self, slot: int, port: int) -> None:
        """connect() was tried, to this port of this host."""
        if entry := self._entries.get(slot):
            self._connected.add(entry.namespace)
            self._unsure |= {(entry.namespace, entry.port), (0, port), (1, port)}

    def ended(self, slot: int, sock: Any) -> None:
        """shutdown() or connect(AF_UNSPEC) may have ended a listener: a port it did not name is lost."""
        entry = self._entries.get(slot)
        if entry is None:
            return
        if entry.mptcp:
            self._unsure.add((entry.namespace, entry.port))
        if entry.holder.listening and not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            entry.holder.listening = entry.holder.grouped = False
            if not entry.keeps_address:
                entry.holder.address = bytes(len(entry.holder.address))
            if not entry.keeps_port:
                self._leave(entry)

    def duplicated(self, slot: int, new: int) -> None:
        """dup() gave it another name."""
        if entry := self._entries.get(slot):
            entry.names += 1
            self._entries[new] = entry

    def closed(self, slot: int) -> None:
        """close()."""
        if entry := self._entries.pop(slot, None):
            entry.names -= 1
            if not entry.names:
                if entry.mptcp:
                    self._unsure.add((entry.namespace, entry.port))
                self._leave(entry)

    def range_set(self, value: str) -> None:
        """ip_local_port_range was set."""
        low, high = map(int, value.split())
        self._ranges[self.namespace] = (low, high)

    def _take(self, entry: _Entry, *, to_listen: bool) -> None:
        place = (entry.namespace, entry.port)
        if not get_port(self._ports.setdefault(place, Port()), entry.holder, to_listen=to_listen):
            self._unsure.add(place)  # the kernel let it pass: this table is wrong

    def _leave(self, entry: _Entry) -> None:
        port = self._ports.get((entry.namespace, entry.port))
        if port and entry.holder in port.holders:
            port.holders.remove(entry.holder)
        entry.port = 0
