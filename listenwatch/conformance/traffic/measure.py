"""A listener under load: fills its queues, reads what came of it, and puts that on record.

Nothing here knows what is right. Nothing waits for a time to pass either: what the traffic did is
read from sock_diag, from the counters and from the clients' sockets, until one of them moves.
"""

import contextlib
import errno
import os
import resource
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from listenwatch.conformance.harness import witness
from listenwatch.conformance.harness.journal import Measurement
from listenwatch.conformance.harness.socket_kinds import Address, SocketKind
from listenwatch.conformance.harness.testbed import Testbed
from listenwatch.conformance.traffic.clients import Client
from listenwatch.linux import netns, netstat, queue_lengths
from listenwatch.linux.netns import sysctl
from listenwatch.linux.queue_lengths import Lengths
from listenwatch.model.inputs import Environment
from listenwatch.model.queue_rules import Response

CONNECT, UNIX_CONNECT, ACCEPT, SHUTDOWN = "connect()", "AF_UNIX connect()", "accept()", "shutdown()"
SYN, FINAL_ACK, SYN_AGAIN = "SYN", "final ACK", "SYN sent again"
SOMAXCONN, FASTOPEN = "write to somaxconn", "look at TCP_FASTOPEN"
HELD, NEXT, ACCEPTED = "held", "next", "accepted"
AT_FIRST, COOKIES_AT_FIRST, LIMIT = "at first", "tcp_syncookies", "limit"
"""What was measured, and the names of what was seen that are no Response of the model."""

RETRANSMITS_WITHIN = 5000
"""Milliseconds; a client sends its SYN again after 1 s and then 2 s later."""

_SYSCTLS = {
    "somaxconn": "net.core.somaxconn",
    "max_syn_backlog": "net.ipv4.tcp_max_syn_backlog",
    "syncookies": "net.ipv4.tcp_syncookies",
    "fastopen": "net.ipv4.tcp_fastopen",
    "abort_on_overflow": "net.ipv4.tcp_abort_on_overflow",
}
_TCPI_UNACKED = slice(24, 28)  # struct tcp_info; of a listener it is sk_ack_backlog


class Queue:
    """One listener of a scenario, and the real clients that connected to it."""

    def __init__(self, testbed: Testbed, kind: SocketKind, address: Address | None = None) -> None:
        # Packets over lo are received on the processor that sent them: on one, in their order.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.testbed, self.kind = testbed, kind
        self.sock = testbed.bound(kind, address)
        self.clients: list[Client] = []

    @property
    def is_unix(self) -> bool:
        """Whether its queue holds sockets rather than handshakes."""
        return self.kind.family == socket.AF_UNIX

    @property
    def port(self) -> int:
        """Where it listens; not AF_UNIX."""
        return int(self.sock.getsockname()[1])

    def listen(self, backlog: int, connections: int = 0) -> Self:
        """listen(), judged like any other, and so many real connections; what is measured later is judged with it."""
        if self.testbed.listen(self.sock, backlog):
            raise RuntimeError(f"no {self.kind.name} listener")
        for _ in range(connections):
            self.connect()
        return self

    def close(self) -> None:
        """Close the listener and its clients."""
        for client in self.clients:
            client.sock.close()
        self.sock.close()

    def lengths(self) -> Lengths:
        """What the queues hold, from sock_diag."""
        if self.is_unix:
            reading = witness.read(self.sock.fileno())
            return Lengths((reading and reading.diag_ack_backlog) or 0, 0)
        return queue_lengths.lengths(self.kind.family, self.port)

    def report(self, what: str, load: int, before: Lengths, seen: Mapping[str, int | str],
             moved: dict[str, int] | None = None, *, cookie: bool = False, proven: bool = False
             ) -> None:  # fmt: skip
        """Put a measurement on record, with the sysctls as they are."""
        measurement = Measurement(what, load, environment(), *before, dict(seen), moved, cookie, proven)
        self.testbed.measured(self.sock, measurement)

    def fill(self) -> None:
        """Let real clients connect, and none is accepted, until one comes to nothing."""
        before, start, first = self.lengths(), netstat.read(), len(self.clients)
        while self.connect(start):
            pass
        last = self.clients[-1]
        answer = Response.EAGAIN if last.error == errno.EAGAIN else Response.DROPPED
        seen: dict[str, int | str] = {HELD: self.lengths().accept_queue, NEXT: answer.name}
        what = UNIX_CONNECT if self.is_unix else CONNECT
        self.report(what, len(self.clients) - first, before, seen, netstat.moved(start))

    def connect(self, start: str | None = None) -> bool:
        """Let one real client connect; returns whether it was queued.

        ``start`` is what the counters were before; by then none had been dropped.
        """
        address = self.sock.getsockname()
        if self.is_unix:
            self.clients.append(Client(self.kind, address))
            return not self.clients[-1].error
        start, queued = start or netstat.read(), self._queued()
        self.clients.append(Client(self.kind, address))
        while self._queued() == queued:
            if "ListenDrops" in netstat.moved(start):
                return False
        return True

    def _queued(self) -> int:
        """The length of the accept queue, from TCP_INFO: quicker than sock_diag."""
        info = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCPI_UNACKED.stop)
        return int.from_bytes(info[_TCPI_UNACKED], "little")

    def connect_again(self) -> None:
        """The last client, whose SYN was dropped, gets its chance when it sends that again."""
        before = self.lengths()
        connected = self.clients[-1].has_connected(RETRANSMITS_WITHIN)
        self.report(SYN_AGAIN, 1, before, {Response.QUEUED.name: int(connected)})

    def accept_all(self) -> None:
        """Accept every connection that waits."""
        before, accepted = self.lengths(), 0
        self.sock.setblocking(False)
        try:
            while True:
                self.testbed.keep(self.sock.accept()[0])
                accepted += 1
        except BlockingIOError:
            self.report(ACCEPT, accepted, before, {ACCEPTED: accepted})

    def shut_down(self) -> None:
        """End the listener with connections waiting."""
        before = self.lengths()
        self.sock.shutdown(socket.SHUT_RD)
        reset = sum(client.was_reset(RETRANSMITS_WITHIN) for client in self.clients)
        self.report(SHUTDOWN, 1, before, {Response.RESET.name: reset})


def sysctls_of_new_namespace(testbed: Testbed, kind: SocketKind, before: int, writes: Sequence[int]) -> None:
    """Enter a namespace from one whose somaxconn is ``before``: what it starts with, and the errno of each write."""
    testbed.somaxconn(before)
    beforehand = environment()
    netns.new_namespace()
    seen: dict[str, int | str] = {AT_FIRST: netns.sysctl("net.core.somaxconn")}
    with contextlib.suppress(FileNotFoundError):  # CONFIG_SYN_COOKIES=n
        seen[COOKIES_AT_FIRST] = netns.sysctl("net.ipv4.tcp_syncookies")
    for value in writes:
        try:
            netns.set_sysctl("net.core.somaxconn", value)
            seen[str(value)] = 0
        except OSError as error:
            seen[str(value)] = -(error.errno or 0)
    queue = Queue(testbed, kind).listen(5)
    testbed.measured(queue.sock, Measurement(SOMAXCONN, len(writes), beforehand, 0, 0, seen))


def fastopen_limit(testbed: Testbed, kind: SocketKind, flags: int, backlog: int, *later: int) -> None:
    """A listener under those flags of tcp_fastopen: the limit that its queue for fast open has; then a later listen()."""
    testbed.sysctl("net.ipv4.tcp_fastopen", flags)
    queue = Queue(testbed, kind).listen(backlog)
    limit = queue.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN)
    queue.report(FASTOPEN, 1, queue.lengths(), {LIMIT: limit})
    testbed.listen(queue.sock, *later)


def environment() -> Environment:
    """The sysctls of this network namespace as they are now."""
    return Environment(**{field: sysctl(name) for field, name in _SYSCTLS.items()})


def until(done: Callable[[], bool]) -> None:
    """Look again and again; the runner's time limit ends what never comes."""
    while not done():
        pass
