"""A TCP socket with an upper layer protocol that cannot be cloned to accepted sockets."""

import errno
import socket
from collections.abc import Callable

from listenwatch.conformance.harness.socket_kinds import IPV4
from listenwatch.conformance.harness.testbed import Testbed
from listenwatch.errors import Skip

_TCP_ULP = 31  # include/uapi/linux/tcp.h

TLS, ESPINTCP = b"tls", b"espintcp"


def attach(sock: socket.socket, protocol: bytes) -> None:
    """setsockopt(TCP_ULP); the kernel loads the module. OSError where it has none, or refuses."""
    sock.setsockopt(socket.IPPROTO_TCP, _TCP_ULP, protocol)


def check(protocol: bytes) -> Callable[[Testbed], None]:
    """A check that raises Skip where the kernel lacks the protocol.

    A protocol it knows may still want a connection first (ENOTCONN); one it does not know is ENOENT.
    """

    def run(testbed: Testbed) -> None:
        try:
            attach(testbed.unbound(IPV4), protocol)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise Skip(f"TCP_ULP {protocol.decode()}: {error.strerror}") from None

    return run
