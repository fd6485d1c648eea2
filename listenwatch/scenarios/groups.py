"""Groups of listeners that share an address by SO_REUSEPORT."""

from __future__ import annotations

import ctypes
import socket
import struct

from listenwatch.scenarios.kinds import IPV4, MPTCP, TCP, Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.registry import scenario

_ATTACH_REUSEPORT_CBPF = 51  # include/uapi/asm-generic/socket.h


@scenario(2, 8, 130)
def reuseport_group_of(lab: Lab, number: int) -> None:
    """A group of SO_REUSEPORT listeners; at 128 it is grown, and nobody is refused."""
    first = lab.bound(IPV4, reuseport=True)
    members = [lab.bound(IPV4, first.getsockname(), reuseport=True) for _ in range(number - 1)]
    for backlog, sock in enumerate([first, *members], 1):
        lab.listen(sock, backlog, witnessed=backlog == number)


@scenario(*TCP, MPTCP)
def reuseport_late(lab: Lab, kind: Kind) -> None:
    """One that binds while another listens already joins the group."""
    first = lab.bound(kind, reuseport=True)
    lab.listen(first, 5)
    lab.listen(lab.bound(kind, first.getsockname(), reuseport=True), 6)


@scenario()
def reuseport_leaves(lab: Lab) -> None:
    """A member leaves the group by shutdown(), and comes back by listen()."""
    first = lab.bound(IPV4, ("127.0.0.1", 5000), reuseport=True)
    second = lab.bound(IPV4, ("127.0.0.1", 5000), reuseport=True)
    lab.listen(first, 5)
    lab.listen(second, 6)
    first.shutdown(socket.SHUT_RD)
    lab.listen(first, 7)


@scenario()
def reuseport_program_first(lab: Lab) -> None:
    """A program that spreads connections makes the group before anybody listens."""
    first = lab.bound(IPV4, reuseport=True)
    code = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0))  # always the first
    program = struct.pack("@HP", 1, ctypes.addressof(code))  # struct sock_fprog
    first.setsockopt(socket.SOL_SOCKET, _ATTACH_REUSEPORT_CBPF, program)
    lab.listen(first, 5)
    lab.listen(lab.bound(IPV4, first.getsockname(), reuseport=True), 6)


@scenario()
def reuseport_two_addresses(lab: Lab) -> None:
    """The wildcard and a specific address with SO_REUSEPORT: two groups on one port."""
    first = lab.bound(IPV4, reuseport=True)
    lab.listen(first, 5)
    lab.listen(lab.bound(IPV4, ("", first.getsockname()[1]), reuseport=True), 6)


@scenario()
def reuseport_after_listen(lab: Lab) -> None:
    """SO_REUSEPORT on a listener that was alone does not make room for it to be shared before."""
    first = lab.bound(IPV4, ("127.0.0.1", 5000))
    lab.listen(first, 5)
    first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    lab.listen(first, 6)
    second = lab.bound(IPV4, ("127.0.0.1", 5000), reuseport=True)
    lab.listen(second, 7)
