"""Sockets bound to a device, and to addresses that this host does not have."""

import socket

from pyroute2 import IPRoute

from listenwatch.conformance.harness.registry import both_listen, listens, scenario
from listenwatch.conformance.harness.socket_kinds import IPV4, IPV6, TCP, SocketKind
from listenwatch.conformance.harness.testbed import REUSEADDR, Option, Testbed

_TRANSPARENT: Option = (socket.IPPROTO_IP, 19, 1)  # IP_TRANSPARENT, include/uapi/linux/in.h
_FREEBIND: Option = (socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND
_IPV6_FREEBIND: Option = (socket.IPPROTO_IPV6, 78, 1)  # include/uapi/linux/in6.h
_FOREIGN = {IPV4: "192.0.2.7", IPV6: "2001:db8::7"}  # TEST-NET-1 and the documentation prefix


def _device(name: str) -> Option:
    return (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode() + b"\0")


def _on(testbed: Testbed, device: str, *options: Option) -> socket.socket:
    """A socket bound to a device, or to none, and to port 5000 of every address."""
    return testbed.bound(IPV4, ("", 5000), _device(device), *options)


def _add_veth() -> None:
    with IPRoute() as route:
        route.link("add", ifname="veth1", kind="veth", peer="veth2")


@scenario(*TCP)
def device_lo(testbed: Testbed, kind: SocketKind) -> None:
    """Bound to the device lo, without and with a port."""
    testbed.listen(testbed.unbound(kind, _device("lo")), 5)
    testbed.listen(testbed.bound(kind, None, _device("lo")), 6)


@scenario()
def device_each_its_own(testbed: Testbed) -> None:
    """Two devices, one port: no conflict."""
    _add_veth()
    testbed.listen(_on(testbed, "lo"), 5)
    testbed.listen(_on(testbed, "veth1"), 6)


both_listen("device-and-none", "A socket of no device overlaps with that of any device",
            lambda t, _: [_on(t, device, REUSEADDR) for device in ("lo", "")], port_free=False)  # fmt: skip


@scenario()
def device_changed(testbed: Testbed) -> None:
    """Moving to another device before listen() ends the conflict; moving back makes one."""
    _add_veth()
    a, b = _on(testbed, "lo", REUSEADDR), _on(testbed, "lo", REUSEADDR)
    testbed.listen_both(a, b, port_free=False)
    b.setsockopt(*_device("veth1"))
    testbed.listen(b, 7)


@scenario()
def device_gone(testbed: Testbed) -> None:
    """The device is gone when listen() comes: nobody looks."""
    _add_veth()
    sock = _on(testbed, "veth1")
    with IPRoute() as route:
        route.link("del", index=route.link_lookup(ifname="veth1")[0])
    testbed.listen(sock, 5)


@scenario(*TCP)
def device_down(testbed: Testbed, kind: SocketKind) -> None:
    """Every device is down: the addresses are still there to listen on."""
    sock = testbed.bound(kind)
    with IPRoute() as route:
        route.link("set", index=1, state="down")
    testbed.listen_both(sock, testbed.unbound(kind))


# -- addresses that are not ours


@scenario(*TCP)
def foreign_freebind(testbed: Testbed, kind: SocketKind) -> None:
    """IP_FREEBIND: an address nobody has yet."""
    options = (_FREEBIND, _IPV6_FREEBIND) if kind is IPV6 else (_FREEBIND,)
    testbed.listen(testbed.bound(kind, (_FOREIGN[kind], 5000), *options), 5)


both_listen("foreign-freebind-conflict", "Such an address conflicts like any other",
            lambda t, kind: [t.bound(kind, (_FOREIGN[kind], 5000), _FREEBIND, REUSEADDR) for _ in range(2)],
            port_free=False)  # fmt: skip
listens("foreign-transparent", "IP_TRANSPARENT, as proxies have it",
        lambda t, kind: t.bound(kind, (_FOREIGN[kind], 5000), _TRANSPARENT))  # fmt: skip


@scenario()
def foreign_by_sysctl(testbed: Testbed) -> None:
    """ip_nonlocal_bind allows it to everybody; taken back before listen() it is not missed."""
    testbed.sysctl("net.ipv4.ip_nonlocal_bind", 1)
    sock = testbed.bound(IPV4, (_FOREIGN[IPV4], 5000))
    testbed.sysctl("net.ipv4.ip_nonlocal_bind", 0)
    testbed.listen(sock, 5)


@scenario()
def foreign_since(testbed: Testbed) -> None:
    """An address that was taken off its device after bind()."""
    with IPRoute() as route:
        route.addr("add", index=1, address=_FOREIGN[IPV4], prefixlen=32)
        sock = testbed.bound(IPV4, (_FOREIGN[IPV4], 5000))
        route.addr("del", index=1, address=_FOREIGN[IPV4], prefixlen=32)
    testbed.listen(sock, 5)
