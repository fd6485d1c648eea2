"""The network namespaces of sockets: their sysctls, and a window on their sockets, opened once in each."""

import os
import signal
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

from listenwatch.linux import libc, netns
from listenwatch.linux.sock_diag import unix_queue
from listenwatch.model.inputs import Environment

_SYSCTLS = {
    "somaxconn": "core/somaxconn", "fastopen": "ipv4/tcp_fastopen", "max_syn_backlog": "ipv4/tcp_max_syn_backlog",
    "syncookies": "ipv4/tcp_syncookies", "abort_on_overflow": "ipv4/tcp_abort_on_overflow",
}  # fmt: skip
"""The fields of Environment below /proc/sys/net."""
_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG, include/uapi/linux/netlink.h
_KEPT = 64
"""How many namespaces are kept open at most."""
_NUMBERS = struct.Struct("=QQ")


class Namespace(NamedTuple):
    """A namespace: its inode number, a descriptor for each of _SYSCTLS, and a netlink socket that asks for its sockets.

    A file below /proc/sys/net belongs to the namespace in which it was opened, whoever reads it.
    """

    inode: int
    cookie: int
    sysctls: tuple[int, ...]
    diag: socket.socket

    def environment(self) -> Environment | None:
        """The sysctls now; None once the namespace has ended."""
        try:
            values = [int(os.pread(descriptor, 32, 0)) for descriptor in self.sysctls]
        except (OSError, ValueError):
            return None
        return Environment(**dict(zip(_SYSCTLS, values, strict=True)))

    def unix_queue(self, inode: int) -> tuple[int, int] | None:
        """Of an AF_UNIX listener the length of its queue and its limit; None where the kernel does not say."""
        return unix_queue(self.diag, inode)

    def close(self) -> None:
        """Close its descriptors."""
        self.diag.close()
        for descriptor in self.sysctls:
            os.close(descriptor)


class Namespaces:
    """Those that were met, by their cookies."""

    def __init__(self) -> None:
        self._by_cookie: dict[int, Namespace] = {}

    def of(self, sock: socket.socket, tid: int) -> Namespace | None:
        """The namespace of a socket, if it is ours or that of the thread that calls; None where it cannot be entered."""
        cookie = int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, netns.SO_NETNS_COOKIE, 8), "little")
        if cookie not in self._by_cookie:
            for namespace in _candidates(tid):
                if namespace.cookie == cookie:
                    self._keep(namespace)
                    break
                namespace.close()
        return self._by_cookie.get(cookie)

    def _keep(self, namespace: Namespace) -> None:
        if len(self._by_cookie) >= _KEPT:
            self.close()
        self._by_cookie[namespace.cookie] = namespace

    def close(self) -> None:
        """Forget all of them."""
        for namespace in self._by_cookie.values():
            namespace.close()
        self._by_cookie.clear()


def _candidates(tid: int) -> Iterator[Namespace]:
    try:
        yield _opened_here()
        if namespace := _opened_there(tid):
            yield namespace
    except (OSError, ValueError):  # /proc/sys is hidden, or the thread has ended
        return


def _opened_here() -> Namespace:
    with ExitStack() as opened:
        descriptors = []
        for name in _SYSCTLS.values():
            descriptors.append(os.open(f"/proc/sys/net/{name}", os.O_RDONLY | os.O_CLOEXEC))
            opened.callback(os.close, descriptors[-1])
        diag = opened.enter_context(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG))
        namespace = Namespace(netns.own_namespace(), netns.cookie(), tuple(descriptors), diag)
        opened.pop_all()
    return namespace


def _opened_there(tid: int) -> Namespace | None:
    """By a child that enters the namespaces of a thread: entering one of users takes a process with one thread."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are for us, not for the child
    try:
        child = os.fork()
        if not child:
            _visit(tid, theirs)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    theirs.close()
    with ours:
        message, descriptors, _, _ = socket.recv_fds(ours, _NUMBERS.size, len(_SYSCTLS) + 1)
    os.waitpid(child, 0)
    if not message:
        return None
    *sysctls, diag = descriptors
    inode, cookie = _NUMBERS.unpack(message)
    return Namespace(inode, cookie, tuple(sysctls), socket.socket(fileno=diag))


def _visit(tid: int, answer: socket.socket) -> None:
    """The child's whole life; does not return."""
    try:
        _enter(tid)
        namespace = _opened_here()
        numbers = _NUMBERS.pack(namespace.inode, namespace.cookie)
        socket.send_fds(answer, [numbers], [*namespace.sysctls, namespace.diag.fileno()])
    finally:
        os._exit(0)


def _enter(tid: int) -> None:
    """Its user namespace, which gives us the privilege for the other, unless it is ours."""
    users, network = (os.open(f"/proc/{tid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in ("user", "net"))
    if not os.path.samestat(os.fstat(users), os.stat("/proc/thread-self/ns/user")):  # noqa: PTH116  a magic link
        libc.setns(users, libc.CLONE_NEWUSER)
    libc.setns(network)
