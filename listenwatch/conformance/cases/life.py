"""The life of a socket: who has its descriptor, what became of its peer, and shutdown() before listen().

A cgroup's BPF programs have no say in listen(): they are asked at bind(), connect() and socket(),
and is run when there is a listener (BPF_SOCK_OPS_TCP_LISTEN_CB), but there is no attach type for
listen(), so there is no refusal to show. A BPF LSM program can refuse (see ``refuse``).
"""

import array
import contextlib
import os
import select
import signal
import socket
import struct

from listenwatch.conformance.harness.registry import scenario
from listenwatch.conformance.harness.socket_kinds import IPV4, TCP, UNIX, SocketKind
from listenwatch.conformance.harness.testbed import Testbed
from listenwatch.linux import libc

_SYS_PIDFD_GETFD = 438  # the same number on every architecture
_NOBODY_ID = 65534


# -- who has the descriptor


@scenario(IPV4, UNIX)
def inherited(testbed: Testbed, kind: SocketKind) -> None:
    """A child listens first on a socket its parent bound; the parent then listens on the listener."""
    sock = testbed.bound(kind)
    testbed.in_child(lambda: testbed.listen(sock, 5))
    testbed.listen(sock, 6)


@scenario(IPV4, UNIX)
def inherited_by_program(testbed: Testbed, kind: SocketKind) -> None:
    """Another program listens on a descriptor left open across fork() and execve(), as under inetd."""
    testbed.listen_in_program(testbed.bound(kind), 7)


@scenario()
def closed_by_parent(testbed: Testbed) -> None:
    """The parent has closed its descriptor; the child's still names the listener."""
    sock = testbed.listener(IPV4, 5)
    fd = os.dup(sock.fileno())
    sock.close()
    testbed.in_child(lambda: testbed.listen(fd, 6))


@scenario(IPV4, UNIX)
def passed(testbed: Testbed, kind: SocketKind) -> None:
    """A descriptor that came through a socket (SCM_RIGHTS) names the same socket by another number."""
    here, there = map(testbed.keep, socket.socketpair())
    sock = testbed.bound(kind)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sock.fileno()]))]
    here.sendmsg([b"x"], rights)
    sock.close()
    _, ((_, _, data),), _, _ = there.recvmsg(1, socket.CMSG_SPACE(4))
    testbed.listen(struct.unpack("i", data[:4])[0], 5)


@scenario()
def taken_by_pidfd(testbed: Testbed) -> None:
    """A descriptor taken out of a process with pidfd_getfd()."""
    sock = testbed.listener(IPV4, 5)
    pidfd = os.pidfd_open(os.getpid())
    fd = libc.syscall(_SYS_PIDFD_GETFD, pidfd, sock.fileno(), 0)
    testbed.listen(fd, 6)


@scenario(needs=["another user's id"])
def without_privilege(testbed: Testbed) -> None:
    """listen() asks for no privilege: root bound port 80, nobody listens on it, and gets a port unbound."""
    privileged, unbound = testbed.bound(IPV4, ("127.0.0.1", 80)), testbed.unbound(IPV4)

    def listen_as_nobody(fd: int, backlog: int) -> int:
        os.seteuid(_NOBODY_ID)  # which drops every capability
        try:
            return libc.listen(fd, backlog)
        finally:
            os.seteuid(0)

    def nobody() -> None:
        testbed.listen(privileged, 5, through=listen_as_nobody)
        testbed.listen(unbound, 5, through=listen_as_nobody)

    testbed.in_child(nobody)


# -- the peer, and shutdown() before listen()


@scenario()
def peer_process_killed(testbed: Testbed) -> None:
    """The peer's process is killed: its end is closed, and this one stays connected (CLOSE_WAIT)."""
    server = testbed.listener(IPV4)

    def connect_and_die() -> None:
        testbed.connected_to(server, IPV4)
        os.kill(os.getpid(), signal.SIGKILL)

    testbed.in_child(connect_and_die)
    accepted = testbed.keep(server.accept()[0])
    accepted.recv(1)
    testbed.listen(accepted, 5)


@scenario()
def peer_reset_in_queue(testbed: Testbed) -> None:
    """A client that reset its connection stays in the accept queue, is accepted, and cannot listen."""
    server = testbed.listener(IPV4)
    client = testbed.connected_to(server, IPV4)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    testbed.listen(server, 6)
    testbed.listen(testbed.keep(server.accept()[0]), 5)


@scenario()
def peer_was_in_queue(testbed: Testbed) -> None:
    """A client whose listener closed before accept() is reset, and counts as connected."""
    server = testbed.listener(IPV4)
    client = testbed.connected_to(server, IPV4)
    server.close()
    testbed.wait_for(client, select.POLLHUP)
    testbed.listen(client, 5)


@scenario(*TCP)
def shut_down_before(testbed: Testbed, kind: SocketKind) -> None:
    """shutdown() before listen() poisons what is accepted; the poisoned child cannot listen either."""
    sock = testbed.bound(kind)
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    testbed.listen(sock, 5)
    testbed.connected_to(sock, kind)
    accepted = testbed.keep(sock.accept()[0])
    if accepted.recv(1):
        raise RuntimeError("the accepted socket was to be at its end")
    testbed.listen(accepted, 5)


@scenario()
def shut_down_read_clears(testbed: Testbed) -> None:
    """shutdown(SHUT_RD) of such a listener and listen() again make it whole."""
    sock = testbed.bound(IPV4)
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    testbed.listen(sock, 5)
    sock.shutdown(socket.SHUT_RD)
    testbed.listen(sock, 6)
    client = testbed.connected_to(sock, IPV4)
    testbed.keep(sock.accept()[0]).send(b"x")
    if client.recv(1) != b"x":
        raise RuntimeError("the accepted socket was to send")
