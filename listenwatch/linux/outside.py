"""A remote host at the far end of a tun device: it sends SYNs, and completes a handshake only when asked to."""

import itertools
import socket
from collections.abc import Iterable

from listenwatch.linux.packets import Segment, TcpFlag, parse
from listenwatch.linux.tun import FAR, NEAR, Tun

_FIRST_PORT = 1024
_SEQUENCE = 1000


class Outside:
    """The host at the far end of a tun device; each of its connections has a source port of its own."""

    def __init__(self) -> None:
        self.tun = Tun()
        self._ports = itertools.count(_FIRST_PORT)

    def syn(self, family: int, port: int, count: int) -> list[Segment]:
        """Send so many SYNs; returns the SYN-ACK of each that was answered."""
        sources = list(itertools.islice(self._ports, count))
        for source in sources:
            self._send(family, source, port, TcpFlag.SYN, _SEQUENCE)
        # A SYN-ACK may come twice, and those of older SYNs may come again.
        replies = {s.target_port: s for s in self._replies(port) if s.flags & TcpFlag.SYN}
        return [replies[source] for source in sources if source in replies]

    def ack(self, family: int, port: int, replies: Iterable[Segment]) -> int:
        """End the handshake of each SYN-ACK; returns how many were reset for it."""
        for reply in replies:
            acknowledged = reply.sequence + 1
            self._send(family, reply.target_port, port, TcpFlag.ACK, _SEQUENCE + 1, acknowledged)
        return sum(bool(reply.flags & TcpFlag.RST) for reply in self._replies(port))

    def close(self, family: int, reply: Segment) -> None:
        """Answer the FIN on a connection that this SYN-ACK began with an ACK and a FIN."""
        flags, acknowledged = TcpFlag.FIN | TcpFlag.ACK, reply.sequence + 2
        self._send(family, reply.target_port, reply.source_port, flags, _SEQUENCE + 1, acknowledged)

    def _send(
        self, family: int, source: int, port: int, flags: int, sequence: int, acknowledged: int = 0
    ) -> None:
        which = socket.AddressFamily(family)
        ports = (FAR[which], source, NEAR[which], port)
        self.tun.send(Segment(*ports, flags, sequence, acknowledged & 0xFFFF_FFFF).pack())

    def _replies(self, port: int) -> list[Segment]:
        """Every segment the listener on this port has sent out since the last time."""
        segments = map(parse, self.tun.received())
        return [segment for segment in segments if segment and segment.source_port == port]
