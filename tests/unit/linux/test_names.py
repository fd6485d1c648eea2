"""Names for numbers, and addresses as people write them."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given

from listenwatch.call.record import ListenCall
from listenwatch.call.text import local_address, protocol_of
from listenwatch.linux.names import family_name, protocol_name, type_name
from listenwatch.model.inputs import Socket
from tests.helpers.calls import call, calls
from tests.helpers.make import MPTCP, NOTHING, TCP, TCP6, UDP, UNIX, VSOCK_STREAM


@pytest.mark.parametrize(
    ("family", "name"),
    [(1, "unix"), (2, "inet"), (10, "inet6"), (16, "netlink"), (17, "packet"), (40, "vsock")],
)
def test_families(family: int, name: str) -> None:
    assert family_name(family) == name


@pytest.mark.parametrize(
    ("kind", "name"),
    [(1, "stream"), (2, "dgram"), (3, "raw"), (5, "seqpacket"), (0, "0"), (65535, "65535")],
)
def test_types(kind: int, name: str) -> None:
    assert type_name(kind) == name


def test_a_number_without_a_name_stays_one() -> None:
    assert family_name(200) == "200"
    assert type_name(77) == "77"
    assert protocol_name(200, 1, 0) == "200"
    assert protocol_name(socket.AF_INET, 1, 999) == "ip999"


@pytest.mark.parametrize(
    ("sock", "name"),
    [
        (TCP, "tcp"),
        (TCP6, "tcp6"),
        (MPTCP, "mptcp"),
        (MPTCP._replace(family=10), "mptcp6"),
        (UDP, "udp"),
        (UDP._replace(family=10), "udp6"),
        (UDP._replace(protocol=136), "udplite"),
        (TCP._replace(protocol=132), "sctp"),
        (TCP6._replace(protocol=58), "icmp6"),
        (UNIX, "unix"),
        (UNIX._replace(type=2), "unix-dgram"),
        (UNIX._replace(type=5), "unix-seq"),
        (UNIX._replace(type=9), "unix"),
        (TCP._replace(family=40), "vsock"),
        (NOTHING, ""),
    ],
)
def test_protocols(sock: Socket, name: str) -> None:
    assert protocol_of(sock) == name


@pytest.mark.parametrize(
    ("sock", "address", "text"),
    [
        (TCP, bytes(4), "0.0.0.0:8080"),
        (TCP, b"\x7f\0\0\1", "127.0.0.1:8080"),
        (TCP6, bytes(16), "[::]:8080"),
        (TCP6, bytes(15) + b"\1", "[::1]:8080"),
        (TCP6, bytes(10) + b"\xff\xff\x7f\0\0\1", "[::ffff:127.0.0.1]:8080"),
        (TCP6, bytes(10) + b"\xff\xff" + bytes(4), "[::ffff:0.0.0.0]:8080"),
        (MPTCP, bytes(4), "0.0.0.0:8080"),
        (VSOCK_STREAM, b"\0\0\0\2\0\0\4\0", "2:1024"),
        (VSOCK_STREAM, b"\xff\xff\xff\xff\0\0\4\0", "*:1024"),
        (VSOCK_STREAM, b"\xff" * 8, "*:*"),
        (VSOCK_STREAM, b"", ""),
        (UNIX, b"/run/x.sock", "/run/x.sock"),
        (UNIX, b"/run/x.sock\0", "/run/x.sock"),
        (UNIX, b"\0abstract", "@abstract"),
        (UNIX, b"\0a\0b", "@a\0b"),
        (UNIX, b"\0", "@"),
        (UNIX, b"/tmp/\xff\x1b", "/tmp/\\xff\x1b"),
        (UNIX, b"", ""),
    ],
)
def test_addresses(sock: Socket, address: bytes, text: str) -> None:
    assert local_address(call(sock, 5, address=address)) == text


def test_no_address_where_the_socket_was_not_read() -> None:
    assert local_address(call()._replace(post=NOTHING)) == ""


def test_no_address_for_a_family_without_one() -> None:
    each = call()
    assert local_address(each._replace(post=each.post._replace(family=16))) == ""


def test_the_port_is_the_one_that_getsockname_gives() -> None:
    """A connection whose both ends sent FIN has lost its number, and keeps its name: ``inet_put_port()``."""
    each = call()
    ended = each._replace(post=each.post._replace(local_port=0, bound=0))
    assert local_address(ended) == "127.0.0.1:8080"
    old = ended.post._replace(source_port=None)
    assert local_address(ended._replace(post=old)) == "127.0.0.1:0"
    assert local_address(ended._replace(post=old._replace(local_port=80))) == "127.0.0.1:80"


@given(calls())
def test_whatever_the_wire_holds_has_names(each: ListenCall) -> None:
    assert isinstance(local_address(each), str)
    assert bool(protocol_of(each.post)) == bool(each.post.seen)
