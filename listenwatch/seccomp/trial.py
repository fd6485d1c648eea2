"""Whether attach mode seccomp works here, found out by doing what it takes, in a child that is soon gone."""

import os
import socket

from listenwatch.linux import libc, netns
from listenwatch.seccomp.filter import install

WHAT = "a seccomp filter with notification, pidfd_getfd(2) and SO_NETNS_COOKIE, in a child process"
_PIDFD_GETFD = 438


def try_it() -> None:
    """OSError as the kernel refused, whichever part of it; ObserveError on a machine whose numbers are not known."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.getsockopt(socket.SOL_SOCKET, netns.SO_NETNS_COOKIE, 8)
    ours, theirs = socket.socketpair()
    child = os.fork()
    if not child:
        ours.close()
        _live(theirs)
    theirs_fd = theirs.fileno()
    theirs.close()
    try:
        with ours:
            _hear(ours, child, theirs_fd)
    finally:
        os.waitpid(child, 0)


def _live(parent: socket.socket) -> None:
    """The child's whole life; does not return. It waits under the filter until the parent has looked."""
    try:
        try:
            install()
            parent.send(b"\0")
        except OSError as error:
            parent.send(bytes([error.errno or 0]))
        parent.recv(1)
    finally:
        os._exit(0)


def _hear(ours: socket.socket, child: int, descriptor: int) -> None:
    answer = ours.recv(1)
    error = answer[0] if answer else 0
    if error:
        raise OSError(error, os.strerror(error))
    process = os.pidfd_open(child)
    try:
        os.close(libc.syscall(_PIDFD_GETFD, process, descriptor, 0, what="pidfd_getfd"))
    finally:
        os.close(process)
