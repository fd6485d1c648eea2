"""Sockets bound to a device, and to addresses that this host does not have."""

from __future__ import annotations

import socket

from pyroute2 import IPRoute

from listenwatch.scenarios.kinds import IPV4, IPV6, TCP, Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.registry import scenario

_TRANSPARENT, _FREEBIND = 19, 15  # IP_*, include/uapi/linux/in.h
_IPV6_FREEBIND = 78  # include/uapi/linux/in6.h
_FOREIGN = {IPV4: "192.0.2.7", IPV6: "2001:db8::7"}  # TEST-NET-1 and the documentation prefix


def _device(sock: socket.socket, name: str) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode() + b"\0")


def _on(lab: Lab, device: str, port: int, *, reuseaddr: bool = False) -> socket.socket:
    """A socket bound to a device, or to none, and to a port of every address."""
    sock = lab.unbound(IPV4)
    _device(sock, device)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuseaddr)
    sock.bind(("", port))
    return sock


def _add_veth() -> None:
    with IPRoute() as route:
        route.link("add", ifname="veth1", kind="veth", peer="veth2")


@scenario(*TCP)
def device_lo(lab: Lab, kind: Kind) -> None:
    """Bound to the device lo, without and with a port."""
    sock = lab.unbound(kind)
    _device(sock, "lo")
    lab.listen(sock, 5)
    sock = lab.bound(kind)
    _device(sock, "lo")
    lab.listen(sock, 6)


@scenario()
def device_each_its_own(lab: Lab) -> None:
    """Two devices, one port: no conflict."""
    _add_veth()
    lab.listen(_on(lab, "lo", 5000), 5)
    lab.listen(_on(lab, "veth1", 5000), 6)


@scenario()
def device_and_none(lab: Lab) -> None:
    """A socket of no device overlaps with that of any device."""
    a = _on(lab, "lo", 5000, reuseaddr=True)
    b = _on(lab, "", 5000, reuseaddr=True)
    lab.listen(a, 5)
    lab.listen(b, 6, port_free=False)


@scenario()
def device_changed(lab: Lab) -> None:
    """Moving to another device before listen() ends the conflict; moving back makes one."""
    _add_veth()
    a = _on(lab, "lo", 5000, reuseaddr=True)
    b = _on(lab, "lo", 5000, reuseaddr=True)
    lab.listen(a, 5)
    lab.listen(b, 6, port_free=False)
    _device(b, "veth1")
    lab.listen(b, 7)


@scenario()
def device_gone(lab: Lab) -> None:
    """The device is gone when listen() comes: nobody looks."""
    _add_veth()
    sock = _on(lab, "veth1", 5000)
    with IPRoute() as route:
        route.link("del", index=route.link_lookup(ifname="veth1")[0])
    lab.listen(sock, 5)


@scenario(*TCP)
def device_down(lab: Lab, kind: Kind) -> None:
    """Every device is down: the addresses are still there to listen on."""
    sock = lab.bound(kind)
    with IPRoute() as route:
        route.link("set", index=1, state="down")
    lab.listen(sock, 5)
    lab.listen(lab.unbound(kind), 6)


# -- addresses that are not ours


@scenario(*TCP)
def foreign_freebind(lab: Lab, kind: Kind) -> None:
    """IP_FREEBIND: an address nobody has yet."""
    sock = lab.unbound(kind)
    sock.setsockopt(socket.IPPROTO_IP, _FREEBIND, 1)
    if kind is IPV6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
    sock.bind((_FOREIGN[kind], 5000))
    lab.listen(sock, 5)


@scenario()
def foreign_freebind_conflict(lab: Lab) -> None:
    """Such an address conflicts like any other."""
    socks = [lab.unbound(IPV4) for _ in range(2)]
    for sock in socks:
        sock.setsockopt(socket.IPPROTO_IP, _FREEBIND, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((_FOREIGN[IPV4], 5000))
    lab.listen(socks[0], 5)
    lab.listen(socks[1], 6, port_free=False)


@scenario()
def foreign_transparent(lab: Lab) -> None:
    """IP_TRANSPARENT, as proxies have it."""
    sock = lab.unbound(IPV4)
    sock.setsockopt(socket.IPPROTO_IP, _TRANSPARENT, 1)
    sock.bind((_FOREIGN[IPV4], 5000))
    lab.listen(sock, 5)


@scenario()
def foreign_by_sysctl(lab: Lab) -> None:
    """ip_nonlocal_bind allows it to everybody; taken back before listen() it is not missed."""
    lab.sysctl("net.ipv4.ip_nonlocal_bind", 1)
    sock = lab.bound(IPV4, (_FOREIGN[IPV4], 5000))
    lab.sysctl("net.ipv4.ip_nonlocal_bind", 0)
    lab.listen(sock, 5)


@scenario()
def foreign_since(lab: Lab) -> None:
    """An address that was taken off its device after bind()."""
    with IPRoute() as route:
        route.addr("add", index=1, address=_FOREIGN[IPV4], prefixlen=32)
        sock = lab.bound(IPV4, (_FOREIGN[IPV4], 5000))
        route.addr("del", index=1, address=_FOREIGN[IPV4], prefixlen=32)
    lab.listen(sock, 5)
