"""Handshakes broken off half way, and ended later: by a host outside, or by clients that say nothing."""

import socket
from collections import Counter
from collections.abc import Sequence

from listenwatch.conformance.harness.socket_kinds import SocketKind
from listenwatch.conformance.harness.testbed import Testbed
from listenwatch.conformance.traffic.clients import Client
from listenwatch.conformance.traffic.measure import FINAL_ACK, RETRANSMITS_WITHIN, SYN, Queue, until
from listenwatch.linux import netstat
from listenwatch.linux.outside import Outside
from listenwatch.linux.packets import Segment
from listenwatch.linux.tun import NEAR
from listenwatch.model.queue_rules import Response


class OutsideQueue(Queue):
    """A listener that packets of our own making reach, besides real clients."""

    def __init__(self, testbed: Testbed, kind: SocketKind, outside: Outside | None = None) -> None:
        self.outside = outside or Outside()
        super().__init__(testbed, kind, (NEAR[socket.AddressFamily(kind.family)], 0))

    def syns(self, count: int, *, proven: bool = False) -> list[Segment]:
        """SYNs that are not followed by anything; returns the SYN-ACKs."""
        before, start = self.lengths(), netstat.read()
        replies = self.outside.syn(self.kind.family, self.port, count)
        requests = self.lengths().syn_queue - before.syn_queue
        seen = {
            Response.SYN_ACK.name: requests,
            Response.COOKIE.name: len(replies) - requests,
            Response.DROPPED.name: count - len(replies),
        }
        self.report(SYN, count, before, seen, netstat.moved(start), proven=proven)
        return replies

    def final_acks(self, replies: Sequence[Segment], *, cookie: bool = False) -> None:
        """End the handshakes that these SYN-ACKs began."""
        before, start = self.lengths(), netstat.read()
        reset = self.outside.ack(self.kind.family, self.port, replies)
        queued = self.lengths().accept_queue - before.accept_queue
        seen = {
            Response.QUEUED.name: queued,
            Response.IGNORED.name: len(replies) - queued - reset,
            Response.RESET.name: reset,
        }
        self.report(FINAL_ACK, len(replies), before, seen, netstat.moved(start), cookie=cookie)

    def make_proven(self) -> None:
        """One connection from outside, opened and closed: the kernel now knows that host's round trip."""
        reply = self.syns(1)[0]
        self.final_acks([reply])
        self.sock.accept()[0].close()
        self.outside.close(self.kind.family, reply)


class DeferringQueue(Queue):
    """A listener with TCP_DEFER_ACCEPT: a client is established, its request half-open until it sends."""

    def defer(self) -> None:
        """From now on a handshake ends with the client's first data."""
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)

    def connect_deferred(self, count: int) -> None:
        """Let real clients connect, which the listener leaves half-open."""
        for _ in range(count):
            client = Client(self.kind, self.sock.getsockname())
            self.clients.append(client)
            until(client.has_connected)

    def send_deferred(self, count: int) -> None:
        """The last clients send: that is their final ACK. They may send again, so no counter is reported."""
        before = self.lengths()
        seen = Counter({answer.name: 0 for answer in (Response.QUEUED, Response.IGNORED, Response.RESET)})
        seen.update(map(self._send, self.clients[-count:]))
        self.report(FINAL_ACK, count, before, seen)

    def _send(self, client: Client) -> str:
        start, queues = netstat.read(), self.lengths()
        client.sock.send(b"data")
        until(lambda: self.lengths() != queues or bool(netstat.moved(start)))
        now = self.lengths()
        if now.accept_queue > queues.accept_queue:
            return Response.QUEUED.name
        if now.syn_queue < queues.syn_queue:
            return Response.RESET.name if client.was_reset(RETRANSMITS_WITHIN) else "request lost"
        return Response.IGNORED.name if client.has_connected() else "client lost"
