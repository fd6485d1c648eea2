"""connect(AF_UNSPEC): what it makes of a socket in each state on the way to a connection."""

import select
import socket

from listenwatch.conformance.harness.registry import scenario
from listenwatch.conformance.harness.socket_kinds import IPV4, IPV6, MPTCP, SocketKind
from listenwatch.conformance.harness.testbed import Testbed
from listenwatch.linux import libc

_TCP_FASTOPEN_CONNECT = 30  # include/uapi/linux/tcp.h


def _listen_and_disconnect(testbed: Testbed, client: socket.socket) -> None:
    """listen() while it is connecting or connected, and once more after connect(AF_UNSPEC)."""
    testbed.listen(client, 5)
    libc.disconnect(client)
    testbed.listen(client, 6)


@scenario(IPV4, MPTCP)
def unspec_fresh(testbed: Testbed, kind: SocketKind) -> None:
    """connect(AF_UNSPEC) on a socket that never did anything leaves one that may listen."""
    sock = testbed.unbound(kind)
    libc.disconnect(sock)
    testbed.listen(sock, 5)


@scenario()
def unspec_pending(testbed: Testbed) -> None:
    """A connect under way is called off by connect(AF_UNSPEC)."""
    server = testbed.listener(IPV4, 0)
    testbed.connected_to(server, IPV4)
    client = testbed.connecting_to(server.getsockname())
    _listen_and_disconnect(testbed, client)


@scenario()
def unspec_unreaped(testbed: Testbed) -> None:
    """A non-blocking connect that succeeded counts as connecting until it is asked for."""
    server = testbed.listener(IPV4, 5)
    client = testbed.connecting_to(server.getsockname())
    testbed.wait_for(client, select.POLLOUT)
    _listen_and_disconnect(testbed, client)


@scenario()
def unspec_fastopen_deferred(testbed: Testbed) -> None:
    """TCP_FASTOPEN_CONNECT puts connect() off: the socket is CLOSE but counts as connecting."""
    testbed.sysctl("net.ipv4.tcp_fastopen", 5)
    server, client = testbed.listener(IPV4), testbed.unbound(IPV4)
    client.setsockopt(socket.IPPROTO_TCP, _TCP_FASTOPEN_CONNECT, 1)
    client.connect_ex(server.getsockname())
    _listen_and_disconnect(testbed, client)


@scenario(needs=("IPv6",))
def unspec_addrform(testbed: Testbed) -> None:
    """IPV6_ADDRFORM makes a connected IPv6 socket one of IPv4; disconnected, it listens as that."""
    server, client = testbed.listener(IPV4), testbed.unbound(IPV6)
    client.connect(("::ffff:127.0.0.1", server.getsockname()[1]))
    client.setsockopt(socket.IPPROTO_IPV6, 1, socket.AF_INET)  # IPV6_ADDRFORM
    _listen_and_disconnect(testbed, client)
