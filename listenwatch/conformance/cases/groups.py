"""Groups of listeners that share an address by SO_REUSEPORT."""

import ctypes
import socket
import struct

from listenwatch.conformance.harness.registry import scenario
from listenwatch.conformance.harness.socket_kinds import IPV4, MPTCP, TCP, SocketKind
from listenwatch.conformance.harness.testbed import REUSEPORT, Testbed

_ATTACH_REUSEPORT_CBPF = 51  # include/uapi/asm-generic/socket.h


@scenario(2, 8, 130)
def reuseport_group_of(testbed: Testbed, number: int) -> None:
    """A group of SO_REUSEPORT listeners; at 128 it is grown, and nobody is refused."""
    first = testbed.bound(IPV4, None, REUSEPORT)
    members = [testbed.bound(IPV4, first.getsockname(), REUSEPORT) for _ in range(number - 1)]
    for backlog, sock in enumerate([first, *members], 1):
        testbed.listen(sock, backlog, witnessed=backlog == number)


@scenario(*TCP, MPTCP)
def reuseport_late(testbed: Testbed, kind: SocketKind) -> None:
    """One that binds while another listens already joins the group."""
    first = testbed.bound(kind, None, REUSEPORT)
    testbed.listen(first, 5)
    testbed.listen(testbed.bound(kind, first.getsockname(), REUSEPORT), 6)


@scenario()
def reuseport_leaves(testbed: Testbed) -> None:
    """A member leaves the group by shutdown(), and comes back by listen()."""
    first = testbed.bound(IPV4, ("127.0.0.1", 5000), REUSEPORT)
    second = testbed.bound(IPV4, ("127.0.0.1", 5000), REUSEPORT)
    testbed.listen(first, 5)
    testbed.listen(second, 6)
    first.shutdown(socket.SHUT_RD)
    testbed.listen(first, 7)


@scenario()
def reuseport_program_first(testbed: Testbed) -> None:
    """A program that spreads connections makes the group before anybody listens."""
    first = testbed.bound(IPV4, None, REUSEPORT)
    code = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0))  # always the first
    program = struct.pack("@HP", 1, ctypes.addressof(code))  # struct sock_fprog
    first.setsockopt(socket.SOL_SOCKET, _ATTACH_REUSEPORT_CBPF, program)
    testbed.listen(first, 5)
    testbed.listen(testbed.bound(IPV4, first.getsockname(), REUSEPORT), 6)


@scenario()
def reuseport_two_addresses(testbed: Testbed) -> None:
    """The wildcard and a specific address with SO_REUSEPORT: two groups on one port."""
    first = testbed.bound(IPV4, None, REUSEPORT)
    testbed.listen(first, 5)
    testbed.listen(testbed.bound(IPV4, ("", first.getsockname()[1]), REUSEPORT), 6)


@scenario()
def reuseport_after_listen(testbed: Testbed) -> None:
    """SO_REUSEPORT on a listener that was alone does not make room for it to be shared before."""
    first = testbed.bound(IPV4, ("127.0.0.1", 5000))
    testbed.listen(first, 5)
    first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    testbed.listen(first, 6)
    second = testbed.bound(IPV4, ("127.0.0.1", 5000), REUSEPORT)
    testbed.listen(second, 7)
