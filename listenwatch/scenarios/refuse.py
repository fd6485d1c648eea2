"""Calls refused before any protocol sees them: by descriptor, by kind of socket, by a security module."""

from __future__ import annotations

import os
import socket
from errno import EPERM
from tempfile import TemporaryDirectory

from listenwatch.scenarios import lsm
from listenwatch.scenarios.kinds import IPV4, IPV6, UNIX, Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.registry import scenario


@scenario(
    -1,
    -100,
    1 << 20,
    2**31 - 1,
    -(2**31),
    names=("minus-1", "minus-100", "unused", "int-max", "int-min"),
)
def descriptor(lab: Lab, fd: int) -> None:
    """A number that is no descriptor."""
    lab.listen(fd, 5)


@scenario()
def descriptor_closed(lab: Lab) -> None:
    """A descriptor that was closed."""
    sock = lab.bound(IPV4)
    fd = sock.fileno()
    sock.close()
    lab.listen(fd, 5)


@scenario()
def descriptor_o_path(lab: Lab) -> None:
    """O_PATH opens no file, only a place in the file tree."""
    fd = os.open("/", os.O_PATH)
    lab.listen(fd, 5)


@scenario()
def descriptor_o_path_socket(lab: Lab) -> None:
    """O_PATH on a socket's own path opens no socket either."""
    with TemporaryDirectory() as folder:
        lab.bound(UNIX, f"{folder}/socket")
        fd = os.open(f"{folder}/socket", os.O_PATH)
    lab.listen(fd, 5)


@scenario()
def descriptor_of_no_socket(lab: Lab) -> None:
    """Open files that are no sockets: a pipe, a file, a folder, a device, memory, an event."""
    reading, writing = os.pipe()
    files = [reading, writing, os.memfd_create("file"), os.eventfd(0)]
    files += [os.open(path, os.O_RDONLY) for path in ("/proc/self/comm", "/", "/dev/null")]
    for fd in files:
        lab.listen(fd, 5)


@scenario(
    Kind("udp", socket.AF_INET, socket.SOCK_DGRAM, 0, "127.0.0.1"),
    Kind("udp6", socket.AF_INET6, socket.SOCK_DGRAM, 0, "::1", ("IPv6",)),
    Kind("udplite", socket.AF_INET, socket.SOCK_DGRAM, 136, "127.0.0.1", ("UDP-Lite",)),
    Kind("raw", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    Kind("raw-tcp", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP),
    Kind("raw6", socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6, "", ("IPv6",)),
    Kind("netlink", socket.AF_NETLINK, socket.SOCK_RAW, 0),
    Kind("packet", socket.AF_PACKET, socket.SOCK_RAW, 0),
    Kind("unix-dgram", socket.AF_UNIX, socket.SOCK_DGRAM, 0),
)
def no_listen_in(lab: Lab, kind: Kind) -> None:
    """Kinds of socket that cannot listen, whatever the backlog."""
    sock = lab.unbound(kind)
    lab.listen(sock, 5)
    lab.listen(sock, -1)
    if kind.host:
        sock.bind(kind.address())
        sock.connect((kind.host, 9))
        lab.listen(sock, 5)


@scenario()
def no_listen_in_ping(lab: Lab) -> None:
    """An ICMP echo socket, a kind of datagram socket."""
    lab.sysctl("net.ipv4.ping_group_range", "0 0")
    sock = lab.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP))
    lab.listen(sock, 5)


@scenario(IPV4, IPV6, UNIX, needs=("BPF LSM",))
def security_refuses(lab: Lab, kind: Kind) -> None:
    """A security module's errno is the result; when it is gone the same call succeeds."""
    sock = lab.bound(kind)
    refusal = lsm.Refusal()
    lab.listen(sock, 5, refusal=-EPERM)
    lab.listen(sock, -1, refusal=-EPERM)
    refusal.end()
    lab.listen(sock, 6)
