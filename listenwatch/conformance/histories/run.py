"""Runs histories one after another in this process, and puts every listen() on record in the journal."""

import os
import socket
import struct
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from listenwatch.conformance.harness.journal import Issued, Journal, Reading
from listenwatch.conformance.harness.socket_kinds import IPPROTO_MPTCP
from listenwatch.conformance.harness.testbed import DEFAULTS
from listenwatch.conformance.histories import calls
from listenwatch.conformance.histories.operations import Argument, Op, Operations, threads
from listenwatch.conformance.histories.ports import EPHEMERAL, PortTable
from listenwatch.conformance.histories.vocabulary import NARROW

ROOM = 900
"""How many histories may share a pair of namespaces: each has ports of its own, 10 in each range."""
_NAMED, _RANGES = 10000, 40000  # where the ports a history names begin, and its narrow ranges

FIRST_MARK = -(1 << 20)
"""Before history n there is a listen() on descriptor FIRST_MARK - n, in both streams."""

SETTINGS = {name: str(value) for name, value in DEFAULTS.items()} | {NARROW: f"{EPHEMERAL[0]} {EPHEMERAL[1]}"}

# In 5.10.262 socket(IPPROTO_MPTCP) did not return any more after some histories with such sockets.
_WITHOUT_MPTCP = os.uname().release.startswith("5.10.")


def lower(op: Op, position: int) -> tuple[Argument, ...]:
    """The arguments for the function in ``calls``: ports, names and ranges of the history's own."""
    slot, arguments = op.slot, op.arguments
    match op.call, arguments:
        case "bind_unix", (int(name),):
            return (slot, f"listenwatch-{position}-{name}" if name else "")
        case "bind", (host, int(port)):
            return (slot, host, _port(port, position))
        case "connect_port", (host, int(port), wait):
            return (slot, host, _port(port, position), wait)
        case "sysctl", (name, str(size)) if name == NARROW:
            low = _RANGES + 10 * position
            return (slot, NARROW, f"{low} {low + int(size) - 1}")
    return (slot, *arguments)


def _port(port: int, position: int) -> int:
    return _NAMED + 10 * position + port if port else 0


class Runner:
    """A pair of namespaces, and the histories run in them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        for _ in range(2):
            calls.namespaces.append(calls.new_namespace())
            _set_sysctls(SETTINGS)

    def run(self, number: int, position: int, operations: Operations) -> None:
        """Run history ``number``, the ``position``-th in these namespaces, and leave nothing of it behind."""
        calls.namespace(-1, 0)
        mark, error = calls.listen(-1, 0, FIRST_MARK - number)
        self._journal.issued(Issued(threading.get_native_id(), mark, 0, error))
        history = _History(position, alone=not threads(operations))
        issued = history.first_thread([op for op in operations if not op.thread])
        issued += history.side_by_side(operations)
        for call in issued:
            self._journal.issued(call)
        for slot in list(calls.sockets):
            calls.reset(slot)
        for namespace, name in history.changed:
            calls.namespace(-1, namespace)
            _set_sysctls({name: SETTINGS[name]})


def _set_sysctls(values: dict[str, str]) -> None:
    for name, value in values.items():
        calls.sysctl(-1, name, value)


class _History:
    """One history under way. ``changed`` are the sysctls it has set, with their namespaces."""

    def __init__(self, position: int, *, alone: bool) -> None:
        self._position = position
        self._alone = alone
        self._ports = PortTable()
        self.changed: set[tuple[int, str]] = set()

    def first_thread(self, ops: Iterable[Op]) -> list[Issued]:
        """The operations of thread 0; returns its listen() calls."""
        issued = []
        for op in ops:
            if op.call == "listen":
                call = self._listen(op, self._ports.port_free(op.slot))
                issued.append(call)
                if not call.error:
                    self._ports.listened(op.slot, calls.sockets[op.slot])
            else:
                self._perform(op)
        return issued

    def side_by_side(self, operations: Operations) -> list[Issued]:
        """The operations of the other threads, which start at once; who holds a port is chance then."""
        numbers = threads(operations)
        if not numbers:
            return []
        barrier = threading.Barrier(len(numbers))

        def work(number: int) -> list[Issued]:
            issued = []
            barrier.wait()
            for op in (op for op in operations if op.thread == number):
                if op.call == "listen":
                    issued.append(self._listen(op, None))
                else:
                    self._do(op, lower(op, self._position))
            return issued

        with ThreadPoolExecutor(len(numbers)) as started:
            return [call for issued in started.map(work, numbers) for call in issued]

    def _listen(self, op: Op, free: bool | None) -> Issued:
        backlog = int(op.arguments[0])
        fd, error = calls.listen(op.slot, backlog)
        reading = None if error or not self._alone else _reading(calls.sockets[op.slot])
        return Issued(threading.get_native_id(), fd, backlog, error, port_free=free, reading=reading)

    def _do(self, op: Op, arguments: tuple[Argument, ...]) -> bool:
        if _WITHOUT_MPTCP and op.call == "open_socket" and IPPROTO_MPTCP in arguments:
            return False
        function = getattr(calls, op.call)  # an unknown name is an error, and no refusal
        try:
            function(*arguments)
        except calls.REFUSALS:
            return False
        return True

    def _perform(self, op: Op) -> None:
        """The operation, and what it means for the ports."""
        ports, arguments = self._ports, lower(op, self._position)
        match op.call, arguments:
            case "connect", (int(slot), int(target), _):
                ports.connecting(slot, _port_of(target))
            case "connect_port", (int(slot), _, int(port), _):
                ports.connecting(slot, port)
        done = self._do(op, arguments)
        match op.call, arguments:
            case (("shutdown" | "disconnect"), (int(slot), *_)):
                ports.ended(slot, calls.sockets.get(slot))
            case (("close" | "reset"), (int(slot),)):
                ports.closed(slot)
            case _ if not done:
                return
            case "open_socket", (int(slot), int(family), int(kind), int(protocol)):
                ports.opened(slot, family, kind, protocol)
            case "option", (int(slot), int(level), int(name), int(value)):
                ports.option_set(slot, level, name, value)
            case "device", (int(slot), str(device)):
                ports.device_set(slot, device)
            case "bind", (int(slot), _, int(port)):
                ports.bound(slot, calls.sockets[slot], port)
            case "duplicate", (int(slot), int(new)):
                ports.duplicated(slot, new)
            case "namespace", (_, int(number)):
                ports.namespace = number
            case "sysctl", (_, str(name), str(text)):
                self.changed.add((ports.namespace, name))
                if name == NARROW:
                    ports.range_set(text)


def _port_of(slot: int) -> int:
    try:
        return int(calls.sockets[slot].getsockname()[1])
    except (*calls.REFUSALS, ValueError, IndexError):
        return 0  # AF_UNIX


def _reading(sock: socket.socket) -> Reading | None:
    """What TCP_INFO says of a listener: the cheapest second witness."""
    if sock.family == socket.AF_UNIX:
        return None
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return Reading(info[0], info_max_ack_backlog=struct.unpack_from("=I", info, 28)[0])
