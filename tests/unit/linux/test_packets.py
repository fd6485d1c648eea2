"""Crafted TCP segments and the counters, byte by byte, without a kernel."""

from __future__ import annotations

import socket

import pytest

from listenwatch.linux import netstat
from listenwatch.linux.packets import Segment, TcpFlag, checksum, parse

IPV4 = Segment("192.0.2.2", 1024, "192.0.2.1", 40000, TcpFlag.SYN, 1000)
IPV6 = Segment("2001:db8::2", 1025, "2001:db8::1", 40001, TcpFlag.ACK, 2**32 - 1, 2**32 - 2)
BOTH = pytest.mark.parametrize("segment", [IPV4, IPV6], ids=["ipv4", "ipv6"])


def test_the_checksum_of_rfc_1071() -> None:
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
    assert checksum(b"\x01") == 0xFFFF - 0x0100, "an odd last byte counts as if a 0 followed"
    assert checksum(b"") == 0xFFFF
    assert checksum(b"\xff\xff" * 70000) == 0, "carries are folded until none is left"


@BOTH
def test_what_is_packed_can_be_parsed(segment: Segment) -> None:
    assert parse(segment.pack()) == segment


@BOTH
def test_a_receiver_finds_the_checksums_right(segment: Segment) -> None:
    """The sum over the pseudo header and the segment, with its checksum in it, comes to nothing."""
    packet = segment.pack()
    head = 20 if segment is IPV4 else 40
    addresses = packet[12:20] if segment is IPV4 else packet[8:40]
    pseudo = addresses + bytes([0, 0, 0, len(packet) - head, 0, 0, 0, socket.IPPROTO_TCP])
    assert checksum(pseudo + packet[head:]) == 0
    if segment is IPV4:
        assert checksum(packet[:head]) == 0


def test_a_known_packet() -> None:
    """Its fields where RFC 791 and RFC 9293 have them."""
    packet = IPV4.pack()
    assert packet[:10].hex() == "45000028000000004006"
    assert packet[12:20] == bytes([192, 0, 2, 2, 192, 0, 2, 1])
    assert packet[20:36].hex() == "04009c40000003e8000000005002ffff"
    assert len(packet) == 40


def test_a_known_ipv6_packet() -> None:
    packet = IPV6.pack()
    assert packet[:8].hex() == "6000000000140640"
    assert packet[40:56].hex() == "04019c41fffffffffffffffe5010ffff"
    assert len(packet) == 60


@BOTH
def test_a_cut_packet_is_none_of_ours(segment: Segment) -> None:
    packet = segment.pack()
    for length in range(len(packet)):
        assert parse(packet[:length]) is None


@pytest.mark.parametrize(
    ("packet", "place", "value"),
    [
        (IPV4.pack(), 0, 0x55),  # no such version
        (IPV4.pack(), 9, socket.IPPROTO_UDP),
        (IPV4.pack(), 7, 1),  # a later fragment: no TCP header
        (IPV6.pack(), 6, socket.IPPROTO_ICMPV6),
    ],
)
def test_what_is_not_tcp_is_none_of_ours(packet: bytes, place: int, value: int) -> None:
    changed = bytearray(packet)
    changed[place] = value
    assert parse(bytes(changed)) is None


def test_ip_options_are_skipped() -> None:
    packet = IPV4.pack()
    assert parse(b"\x46" + packet[1:20] + b"\x01\x01\x01\x00" + packet[20:]) == IPV4


NETSTAT = """\
TcpExt: SyncookiesSent ListenOverflows Unwatched ListenDrops
TcpExt: 3 4 5 6
IpExt: InNoRoutes ListenDrops
IpExt: 7 8
"""


def test_counters_are_read_by_name() -> None:
    read = netstat.parse(NETSTAT)
    assert {name: number for name, number in read.items() if number} == {
        "SyncookiesSent": 3,
        "ListenOverflows": 4,
        "ListenDrops": 6,
    }
    assert read["EmbryonicRsts"] == 0, "a kernel may lack one"


def test_only_what_moved_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netstat, "read", lambda: NETSTAT.replace("3 4 5 6", "3 6 9 7"))
    assert netstat.moved(NETSTAT) == {"ListenOverflows": 2, "ListenDrops": 1}
