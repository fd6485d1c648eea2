"""What the numbers of a listener mean: its own limit, clamped, stale, full; certain or only likely."""

from enum import Enum
from typing import NamedTuple

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.tcp_input import accept_queue_capacity, acceptq_is_full
from listenwatch.sockets.inventory import ListenerRow
from listenwatch.sockets.servers import Server, known_server, socket_unit_server

UNBOUNDED = 0x7FFF_FFFF
"""A backlog from here on asks for whatever somaxconn, an int, allows."""


class Finding(Enum):
    """A property of a listener; the value is the word the table shows."""

    FULL = "full now"
    LIMIT_0 = "limit 0"
    STALE = "stale"
    LIKELY_STALE = "likely stale"
    LOWERED = "above somaxconn"
    CLAMPED = "clamped by somaxconn"
    LIKELY_CLAMPED = "likely clamped by somaxconn"
    AT_SOMAXCONN = "at somaxconn"
    OWN = "own limit"
    GROUP = "reuseport group"
    UNKNOWN = "unknown"


class Diagnosis(NamedTuple):
    """The findings of one row, the worst first, each with its reason."""

    reasons: dict[Finding, str]
    server: Server | None
    capacity: int

    @property
    def words(self) -> str:
        """The findings in a few words."""
        return ", ".join(finding.value for finding in self.reasons)


def diagnose(row: ListenerRow, behaviour: Behaviour, asked: int | None = None) -> Diagnosis:
    """The findings that are certain, and as likely those that rest on a server's usual default.

    ``asked`` is the backlog its listen() asked for, where somebody watched. The limit is the smaller
    of that, as an unsigned number, and somaxconn at the time (``__sys_listen_socket()``, net/socket.c).
    """
    listener, reasons = row.listener, dict[Finding, str]()
    server = _server_of(row)
    if acceptq_is_full(listener.queue, listener.limit):
        reasons[Finding.FULL] = f"{listener.queue} connections wait, one more than the limit"
    if listener.limit == 0:
        why = "somaxconn is 0" if row.somaxconn == 0 else "its listen() asked for 0"
        reasons[Finding.LIMIT_0] = f"a single connection may wait: {why}"
    finding, why = _of_limit(row, server, asked)
    if not (listener.limit == 0 and finding is Finding.OWN):
        reasons[finding] = why
    if row.group > 1:
        reasons[Finding.GROUP] = f"{row.group} sockets share the address, each with a queue of its own"
    return Diagnosis(reasons, server, accept_queue_capacity(listener.limit, behaviour))


def _server_of(row: ListenerRow) -> Server | None:
    if row.socket_unit:
        return socket_unit_server(row.socket_unit)
    servers = (known_server(process.name, process.command) for process in row.holders)
    return next(filter(None, servers), None)


def _of_limit(row: ListenerRow, server: Server | None, asked: int | None) -> tuple[Finding, str]:
    limit, now = row.listener.limit, row.somaxconn
    if now is None:
        return Finding.UNKNOWN, "somaxconn of its namespace cannot be read"
    if limit > now:
        return Finding.LOWERED, f"somaxconn was lowered to {now} since; it keeps {limit} until it listens again"
    if asked is not None:
        return _of_asked(limit, now, asked & 0xFFFFFFFF)
    usual = server.default if server else None
    if limit == now:
        if usual is not None and usual >= UNBOUNDED and server:
            return Finding.AT_SOMAXCONN, f"{server.name} asks for as much as somaxconn allows: {now}"
        if usual is not None and usual > now and server:
            why = f"somaxconn is {now}, and {server.name} asks for {usual} unless told otherwise"
            return Finding.LIKELY_CLAMPED, why
        return Finding.AT_SOMAXCONN, f"its listen() asked for {now} or more; somaxconn is {now}"
    if usual is not None and limit < min(usual, now) and server:
        return Finding.LIKELY_STALE, (
            f"{server.name} asks for {usual} unless told otherwise and has {limit}: somaxconn was "
            f"{limit} then and is {now} now, or its setting says {limit}"
        )
    return Finding.OWN, f"its listen() asked for {limit}, unless somaxconn was {limit} then"


def _of_asked(limit: int, now: int, asked: int) -> tuple[Finding, str]:
    if limit < min(asked, now):
        return Finding.STALE, (
            f"it asked for {asked} when somaxconn was {limit}; somaxconn is {now} now: "
            "it must listen() again or be restarted to benefit"
        )
    if asked > now:
        return Finding.CLAMPED, f"it asked for {asked}, somaxconn is {now}"
    return Finding.OWN, f"its listen() asked for {limit}"
