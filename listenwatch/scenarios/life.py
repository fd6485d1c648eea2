"""The life of a socket: who has its descriptor, what became of its peer, and shutdown() before listen().

A cgroup's BPF programs have no say in listen(): they are asked at bind(), connect() and socket(),
and told of a listener afterwards (BPF_SOCK_OPS_TCP_LISTEN_CB), but there is no attach type for
listen(), so there is no refusal to show. A BPF LSM program can refuse (see ``refuse``).
"""

from __future__ import annotations

import array
import contextlib
import os
import select
import signal
import socket
import struct

from listenwatch.scenarios import libc
from listenwatch.scenarios.kinds import IPV4, TCP, UNIX, Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.registry import scenario

_SYS_PIDFD_GETFD = 438  # the same number on every architecture
_NOBODY_ID = 65534


# -- who has the descriptor


@scenario(IPV4, UNIX)
def inherited(lab: Lab, kind: Kind) -> None:
    """A child listens first on a socket its parent bound; the parent then listens on the listener."""
    sock = lab.bound(kind)
    lab.in_child(lambda: lab.listen(sock, 5))
    lab.listen(sock, 6)


@scenario(IPV4, UNIX)
def inherited_by_program(lab: Lab, kind: Kind) -> None:
    """Another program listens on a descriptor left open across fork() and execve(), as under inetd."""
    lab.listen_in_program(lab.bound(kind), 7)


@scenario()
def closed_by_parent(lab: Lab) -> None:
    """The parent has closed its descriptor; the child's still names the listener."""
    sock = lab.listener(IPV4, 5)
    fd = os.dup(sock.fileno())
    sock.close()
    lab.in_child(lambda: lab.listen(fd, 6))


@scenario(IPV4, UNIX)
def passed(lab: Lab, kind: Kind) -> None:
    """A descriptor that came through a socket (SCM_RIGHTS) names the same socket by another number."""
    here, there = map(lab.keep, socket.socketpair())
    sock = lab.bound(kind)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sock.fileno()]))]
    here.sendmsg([b"x"], rights)
    sock.close()
    _, ((_, _, data),), _, _ = there.recvmsg(1, socket.CMSG_SPACE(4))
    lab.listen(struct.unpack("i", data[:4])[0], 5)


@scenario()
def taken_by_pidfd(lab: Lab) -> None:
    """A descriptor taken out of a process with pidfd_getfd()."""
    sock = lab.listener(IPV4, 5)
    pidfd = os.pidfd_open(os.getpid())
    fd = libc.syscall(_SYS_PIDFD_GETFD, pidfd, sock.fileno(), 0)
    lab.listen(fd, 6)


@scenario()
def without_privilege(lab: Lab) -> None:
    """listen() asks for no privilege: root bound port 80, nobody listens on it, and gets a port unbound."""
    privileged, unbound = lab.bound(IPV4, ("127.0.0.1", 80)), lab.unbound(IPV4)

    def listen_as_nobody(fd: int, backlog: int) -> int:
        os.seteuid(_NOBODY_ID)  # which drops every capability
        try:
            return libc.listen(fd, backlog)
        finally:
            os.seteuid(0)

    def nobody() -> None:
        lab.listen(privileged, 5, through=listen_as_nobody)
        lab.listen(unbound, 5, through=listen_as_nobody)

    lab.in_child(nobody)


# -- the peer, and shutdown() before listen()


@scenario()
def peer_process_killed(lab: Lab) -> None:
    """The peer's process is killed: its end is closed, and this one stays connected (CLOSE_WAIT)."""
    server = lab.listener(IPV4)

    def connect_and_die() -> None:
        lab.connected_to(server, IPV4)
        os.kill(os.getpid(), signal.SIGKILL)

    lab.in_child(connect_and_die)
    accepted = lab.keep(server.accept()[0])
    accepted.recv(1)
    lab.listen(accepted, 5)


@scenario()
def peer_reset_in_queue(lab: Lab) -> None:
    """A client that reset its connection stays in the accept queue, is accepted, and cannot listen."""
    server = lab.listener(IPV4)
    client = lab.connected_to(server, IPV4)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    lab.listen(server, 6)
    lab.listen(lab.keep(server.accept()[0]), 5)


@scenario()
def peer_was_in_queue(lab: Lab) -> None:
    """A client whose listener closed before accept() is reset, and counts as connected."""
    server = lab.listener(IPV4)
    client = lab.connected_to(server, IPV4)
    server.close()
    lab.wait_for(client, select.POLLHUP)
    lab.listen(client, 5)


@scenario(*TCP)
def shut_down_before(lab: Lab, kind: Kind) -> None:
    """shutdown() before listen() poisons what is accepted; the poisoned child cannot listen either."""
    sock = lab.bound(kind)
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    lab.listen(sock, 5)
    lab.connected_to(sock, kind)
    accepted = lab.keep(sock.accept()[0])
    if accepted.recv(1):
        raise RuntimeError("the accepted socket was to be at its end")
    lab.listen(accepted, 5)


@scenario()
def shut_down_read_clears(lab: Lab) -> None:
    """shutdown(SHUT_RD) of such a listener and listen() again make it whole."""
    sock = lab.bound(IPV4)
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    lab.listen(sock, 5)
    sock.shutdown(socket.SHUT_RD)
    lab.listen(sock, 6)
    client = lab.connected_to(sock, IPV4)
    lab.keep(sock.accept()[0]).send(b"x")
    if client.recv(1) != b"x":
        raise RuntimeError("the accepted socket was to send")
