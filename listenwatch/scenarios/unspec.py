"""connect(AF_UNSPEC): what it makes of a socket in each state on the way to a connection."""

from __future__ import annotations

import select
import socket

from listenwatch.scenarios import libc
from listenwatch.scenarios.kinds import IPV4, IPV6, MPTCP, Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.registry import scenario

_TCP_FASTOPEN_CONNECT = 30  # include/uapi/linux/tcp.h


@scenario(IPV4, MPTCP)
def unspec_fresh(lab: Lab, kind: Kind) -> None:
    """connect(AF_UNSPEC) on a socket that never did anything leaves one that may listen."""
    sock = lab.unbound(kind)
    libc.disconnect(sock)
    lab.listen(sock, 5)


@scenario()
def unspec_pending(lab: Lab) -> None:
    """A connect under way is called off by connect(AF_UNSPEC)."""
    server = lab.listener(IPV4, 0)
    lab.connected_to(server, IPV4)
    client = lab.unbound(IPV4)
    client.setblocking(False)
    client.connect_ex(server.getsockname())
    lab.listen(client, 5)
    libc.disconnect(client)
    lab.listen(client, 6)


@scenario()
def unspec_unreaped(lab: Lab) -> None:
    """A non-blocking connect that succeeded counts as connecting until it is asked for."""
    server = lab.listener(IPV4, 5)
    client = lab.unbound(IPV4)
    client.setblocking(False)
    client.connect_ex(server.getsockname())
    lab.wait_for(client, select.POLLOUT)
    lab.listen(client, 5)
    libc.disconnect(client)
    lab.listen(client, 6)


@scenario()
def unspec_fastopen_deferred(lab: Lab) -> None:
    """TCP_FASTOPEN_CONNECT puts connect() off: the socket is CLOSE but counts as connecting."""
    lab.sysctl("net.ipv4.tcp_fastopen", 5)
    server, client = lab.listener(IPV4), lab.unbound(IPV4)
    client.setsockopt(socket.IPPROTO_TCP, _TCP_FASTOPEN_CONNECT, 1)
    client.connect_ex(server.getsockname())
    lab.listen(client, 5)
    libc.disconnect(client)
    lab.listen(client, 6)


@scenario(needs=("IPv6",))
def unspec_addrform(lab: Lab) -> None:
    """IPV6_ADDRFORM makes a connected IPv6 socket one of IPv4; disconnected, it listens as that."""
    server, client = lab.listener(IPV4), lab.unbound(IPV6)
    client.connect(("::ffff:127.0.0.1", server.getsockname()[1]))
    client.setsockopt(socket.IPPROTO_IPV6, 1, socket.AF_INET)  # IPV6_ADDRFORM
    lab.listen(client, 5)
    libc.disconnect(client)
    lab.listen(client, 6)
