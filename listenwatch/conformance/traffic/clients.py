"""Real clients: sockets of this kernel that connect without waiting."""

import errno
import select
import socket

from listenwatch.conformance.harness.socket_kinds import Address, SocketKind
from listenwatch.model.inputs import TcpState


class Client:
    """One that has called connect(); ``error`` is the errno that returned, 0 if it is under way."""

    def __init__(self, kind: SocketKind, address: Address) -> None:
        self.sock = kind.socket()
        self.sock.setblocking(False)
        error = self.sock.connect_ex(address)
        self.error = 0 if error == errno.EINPROGRESS else error

    def has_connected(self, milliseconds: int = 0) -> bool:
        """Whether the handshake came to its end on this side, waiting no longer than this. Not AF_UNIX."""
        if not self._polled(select.POLLOUT, milliseconds):
            return False
        state: bytes = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        return state[0] == TcpState.ESTABLISHED

    def was_reset(self, milliseconds: int) -> bool:
        """Whether the server reset it, waiting no longer than this."""
        failed = self._polled(select.POLLERR, milliseconds)
        return failed and self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET

    def _polled(self, event: int, milliseconds: int) -> bool:
        waiting = select.poll()
        waiting.register(self.sock, event)
        return bool(waiting.poll(milliseconds))
