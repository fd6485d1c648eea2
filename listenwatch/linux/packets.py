"""TCP segments in IPv4 and IPv6 packets, written and read byte by byte."""

import socket
import struct
from enum import IntFlag
from typing import NamedTuple


class TcpFlag(IntFlag):
    """Control bits of the TCP header (RFC 9293, 3.1)."""

    FIN = 1
    SYN = 2
    RST = 4
    PSH = 8
    ACK = 16


# Ports, sequence and acknowledgement, offset, flags, window, checksum, urgent pointer.
_TCP = struct.Struct("!HHIIBBHHH")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_WINDOW, _HOPS = 65535, 64


class Segment(NamedTuple):
    """One segment without options. Both addresses are of one family, IPv4 or IPv6."""

    source: str
    source_port: int
    target: str
    target_port: int
    flags: int
    sequence: int = 0
    acknowledgement: int = 0

    def pack(self) -> bytes:
        """The packet: IP header, TCP header, both with their checksums."""
        family = socket.AF_INET6 if ":" in self.source else socket.AF_INET
        source, target = (socket.inet_pton(family, host) for host in (self.source, self.target))
        tcp = self._tcp(0)
        pseudo = source + target + struct.pack("!II", len(tcp), socket.IPPROTO_TCP)
        tcp = self._tcp(checksum(pseudo + tcp))
        if family == socket.AF_INET6:
            head = _IPV6.pack(6 << 28, len(tcp), socket.IPPROTO_TCP, _HOPS, source, target)
            return head + tcp
        fields = (0x45, 0, _IPV4.size + len(tcp), 0, 0, _HOPS, socket.IPPROTO_TCP)
        head = _IPV4.pack(*fields, checksum(_IPV4.pack(*fields, 0, source, target)), source, target)
        return head + tcp

    def _tcp(self, total: int) -> bytes:
        ports, numbers = (self.source_port, self.target_port), (self.sequence, self.acknowledgement)
        offset = _TCP.size // 4 << 4
        return _TCP.pack(*ports, *numbers, offset, self.flags, _WINDOW, total, 0)


def checksum(data: bytes) -> int:
    """The internet checksum: the complement of the one's complement sum of 16-bit words (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def parse(packet: bytes) -> Segment | None:
    """The segment in a packet; None for one that is not TCP, is a later fragment, or was cut."""
    version = packet[0] >> 4 if packet else 0
    try:
        if version == 4:
            first, *_, fragment, _, protocol, _, source, target = _IPV4.unpack_from(packet)
            start, later = (first & 0xF) * 4, fragment & 0x1FFF
        elif version == 6:
            _, _, protocol, _, source, target = _IPV6.unpack_from(packet)
            start, later = _IPV6.size, 0
        else:
            return None
        if protocol != socket.IPPROTO_TCP or later:
            return None
        here, there, sequence, acknowledgement, _, flags, *_ = _TCP.unpack_from(packet, start)
    except struct.error:
        return None
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    hosts = [socket.inet_ntop(family, host) for host in (source, target)]
    return Segment(hosts[0], here, hosts[1], there, flags, sequence, acknowledgement)
