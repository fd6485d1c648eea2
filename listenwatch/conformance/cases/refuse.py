"""Calls refused before any protocol sees them: by descriptor, by kind of socket, by a security module."""

import os
import socket
from errno import EPERM
from tempfile import TemporaryDirectory

from listenwatch.conformance.harness import lsm
from listenwatch.conformance.harness.registry import listens, scenario
from listenwatch.conformance.harness.socket_kinds import IPV4, IPV6, UNIX, SocketKind
from listenwatch.conformance.harness.testbed import Testbed


@scenario(
    -1, -100, 1 << 20, 2**31 - 1, -(2**31), names=("minus-1", "minus-100", "unused", "int-max", "int-min")
)
def descriptor(testbed: Testbed, fd: int) -> None:
    """A number that is no descriptor."""
    testbed.listen(fd, 5)


@scenario()
def descriptor_closed(testbed: Testbed) -> None:
    """A descriptor that was closed."""
    with testbed.bound(IPV4) as sock:
        fd = sock.fileno()
    testbed.listen(fd, 5)


listens("descriptor-o-path", "O_PATH opens no file, only a place in the file tree",
        lambda _testbed, _kind: os.open("/", os.O_PATH))  # fmt: skip


@scenario()
def descriptor_o_path_socket(testbed: Testbed) -> None:
    """O_PATH on a socket's own path opens no socket either."""
    with TemporaryDirectory() as folder:
        testbed.bound(UNIX, f"{folder}/socket")
        fd = os.open(f"{folder}/socket", os.O_PATH)
    testbed.listen(fd, 5)


@scenario()
def descriptor_of_no_socket(testbed: Testbed) -> None:
    """Open files that are no sockets: a pipe, a file, a folder, a device, memory, an event."""
    files = [*os.pipe(), os.memfd_create("file"), os.eventfd(0)]
    files += [os.open(path, os.O_RDONLY) for path in ("/proc/self/comm", "/", "/dev/null")]
    for fd in files:
        testbed.listen(fd, 5)


@scenario(
    SocketKind("udp", socket.AF_INET, socket.SOCK_DGRAM, 0, "127.0.0.1"),
    SocketKind("udp6", socket.AF_INET6, socket.SOCK_DGRAM, 0, "::1", ("IPv6",)),
    SocketKind("udplite", socket.AF_INET, socket.SOCK_DGRAM, 136, "127.0.0.1", ("UDP-Lite",)),
    SocketKind("raw", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    SocketKind("raw-tcp", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP),
    SocketKind("raw6", socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6, "", ("IPv6",)),
    SocketKind("netlink", socket.AF_NETLINK, socket.SOCK_RAW, 0),
    SocketKind("packet", socket.AF_PACKET, socket.SOCK_RAW, 0),
    SocketKind("unix-dgram", socket.AF_UNIX, socket.SOCK_DGRAM, 0),
)
def no_listen_in(testbed: Testbed, kind: SocketKind) -> None:
    """Kinds of socket that cannot listen, whatever the backlog."""
    sock = testbed.unbound(kind)
    testbed.listen(sock, 5, -1)
    if kind.host:
        sock.bind(kind.address())
        sock.connect((kind.host, 9))
        testbed.listen(sock, 5)


@scenario()
def no_listen_in_ping(testbed: Testbed) -> None:
    """An ICMP echo socket, a kind of datagram socket."""
    testbed.sysctl("net.ipv4.ping_group_range", "0 0")
    sock = testbed.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP))
    testbed.listen(sock, 5)


@scenario(IPV4, IPV6, UNIX, needs=("BPF LSM",))
def security_refuses(testbed: Testbed, kind: SocketKind) -> None:
    """A security module's errno is the result; when it is gone the same call succeeds."""
    sock = testbed.bound(kind)
    refusal = lsm.Refusal()
    testbed.listen(sock, 5, -1, refusal=-EPERM)
    refusal.end()
    testbed.listen(sock, 6)
