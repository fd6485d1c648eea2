"""Handshakes broken off half way, and ended later: by a host outside, or by clients that say nothing."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from listenwatch.model.queue_rules import Answer
from listenwatch.scenarios.kinds import Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.queues import counters
from listenwatch.scenarios.queues.clients import Client
from listenwatch.scenarios.queues.measure import FINAL_ACK, RETRANSMITS_WITHIN, SYN, Queue, until
from listenwatch.scenarios.queues.outside import Outside
from listenwatch.scenarios.queues.packets import Segment
from listenwatch.scenarios.queues.tun import NEAR


class OutsideQueue(Queue):
    """A listener that packets of our own making reach, besides real clients."""

    def __init__(self, lab: Lab, kind: Kind, outside: Outside | None = None) -> None:
        self.outside = outside or Outside()
        super().__init__(lab, kind, (NEAR[socket.AddressFamily(kind.family)], 0))

    def syns(self, count: int, *, proven: bool = False) -> list[Segment]:
        """SYNs that are not followed by anything; returns the SYN-ACKs."""
        before, start = self.lengths(), counters.read()
        replies = self.outside.syn(self.kind.family, self.port, count)
        requests = self.lengths().syn_queue - before.syn_queue
        seen: dict[str, int | str] = {
            Answer.SYN_ACK.name: requests,
            Answer.COOKIE.name: len(replies) - requests,
            Answer.DROPPED.name: count - len(replies),
        }
        self.tell(SYN, count, before, seen, counters.moved(start), proven=proven)
        return replies

    def final_acks(self, replies: Sequence[Segment], *, cookie: bool = False) -> None:
        """End the handshakes that these SYN-ACKs began."""
        before, start = self.lengths(), counters.read()
        reset = self.outside.ack(self.kind.family, self.port, replies)
        queued = self.lengths().accept_queue - before.accept_queue
        seen: dict[str, int | str] = {
            Answer.QUEUED.name: queued,
            Answer.IGNORED.name: len(replies) - queued - reset,
            Answer.RESET.name: reset,
        }
        moved = counters.moved(start)
        self.tell(FINAL_ACK, len(replies), before, seen, moved, cookie=cookie)

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
        """The last clients send: that is their final ACK. They may send again, so no counter is told."""
        before = self.lengths()
        seen: dict[str, int | str] = {
            answer.name: 0 for answer in (Answer.QUEUED, Answer.IGNORED, Answer.RESET)
        }
        for client in self.clients[-count:]:
            name = self._send(client)
            seen[name] = int(seen.get(name, 0)) + 1
        self.tell(FINAL_ACK, count, before, seen)

    def _send(self, client: Client) -> str:
        start, queues = counters.read(), self.lengths()
        client.sock.send(b"data")
        until(lambda: self.lengths() != queues or bool(counters.moved(start)))
        now = self.lengths()
        if now.accept_queue > queues.accept_queue:
            return Answer.QUEUED.name
        if now.syn_queue < queues.syn_queue:
            return Answer.RESET.name if client.was_reset(RETRANSMITS_WITHIN) else "request lost"
        return Answer.IGNORED.name if client.has_connected() else "client lost"
