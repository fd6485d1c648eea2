"""A TCP socket with an upper layer protocol that cannot be cloned to accepted sockets."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

from listenwatch.scenarios.kinds import IPV4
from listenwatch.scenarios.lab import Lab, Skip

_TCP_ULP = 31  # include/uapi/linux/tcp.h

TLS, ESPINTCP = b"tls", b"espintcp"


def attach(sock: socket.socket, protocol: bytes) -> None:
    """setsockopt(TCP_ULP); the kernel loads the module. OSError where it has none, or refuses."""
    sock.setsockopt(socket.IPPROTO_TCP, _TCP_ULP, protocol)


def check(protocol: bytes) -> Callable[[Lab], None]:
    """A check that raises Skip where the kernel lacks the protocol.

    A protocol it knows may still want a connection first (ENOTCONN); one it does not know is ENOENT.
    """

    def run(lab: Lab) -> None:
        try:
            attach(lab.unbound(IPV4), protocol)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise Skip(f"TCP_ULP {protocol.decode()}: {error.strerror}") from None

    return run
