"""Whose port is it: ``inet_csk_bind_conflict()`` and what stands around it in ``inet_csk_get_port()``.

net/ipv4/inet_connection_sock.c, the form of v4.12 and later; since v6.1 the kernel looks in two hash
tables (bhash and bhash2) for the same answer. Who keeps ``Port`` objects up to date knows, before
listen(), whether its get_port() will succeed; the listen path itself does not need any of this.
Left out: users (all holders are one's), TIME_WAIT, l3mdev, SK_FORCE_REUSE.
"""

from __future__ import annotations

from collections.abc import Iterable

from listenwatch.model.inputs import Family

_ANY6 = bytes(16)
_MAPPED = bytes(10) + b"\xff\xff"

FASTREUSEPORT_ANY, FASTREUSEPORT_STRICT = 1, 2


class Holder:
    """A socket as get_port() sees it: 4 or 16 bytes of address, ``device`` 0 for any, in a reuseport group or not."""

    def __init__(self, family: int) -> None:
        self.family = family
        self.address = bytes(4 if family == Family.INET else 16)
        self.v6only = self.reuse = self.reuseport = self.listening = self.grouped = False
        self.device = 0

    @property
    def v4_address(self) -> bytes:
        """sk_rcv_saddr: what an IPv6 socket is for IPv4. ``__inet6_bind()``, net/ipv6/af_inet6.c."""
        if self.family == Family.INET:
            return self.address
        if self.address == _ANY6:
            return bytes(4)
        return self.address[12:] if self.mapped else b"\0\0\0\1"

    @property
    def mapped(self) -> bool:
        """IPV6_ADDR_MAPPED: an IPv4 socket counts as one."""
        return self.family == Family.INET or self.address[:12] == _MAPPED

    @property
    def any6(self) -> bool:
        """IPV6_ADDR_ANY."""
        return self.family == Family.INET6 and self.address == _ANY6

    def snapshot(self) -> Holder:
        """As it is now."""
        copy = Holder(self.family)
        copy.address, copy.v6only = self.address, self.v6only
        return copy


class Port:
    """struct inet_bind_bucket: the sockets on one port, and what lets the next one pass unexamined."""

    def __init__(self) -> None:
        self.holders: list[Holder] = []
        self.fastreuse = False
        self.fastreuseport = 0
        self.fast: Holder | None = None


def rcv_saddr_equal(sk: Holder, sk2: Holder, *, wild: bool = True, wild2: bool = True) -> bool:
    """``inet_rcv_saddr_equal()``: whether the addresses overlap; a wildcard counts where ``wild`` says so."""
    if sk.family == Family.INET or (sk.mapped and sk2.mapped):
        if sk2.v6only:
            return False
        a, b = sk.v4_address, sk2.v4_address
        return a == b or (wild and a == bytes(4)) or (wild2 and b == bytes(4))
    if sk.any6 and sk2.any6:
        return True
    if sk2.any6 and wild2 and not (sk2.v6only and sk.mapped):
        return True
    if sk.any6 and wild and not (sk.v6only and sk2.mapped):
        return True
    return sk2.family == Family.INET6 and sk.address == sk2.address


def bind_conflict(sk: Holder, holders: Iterable[Holder], *, relax: bool, reuseport_ok: bool) -> bool:
    """``inet_csk_bind_conflict()``: another holder with an overlapping address and device that may not share."""
    for sk2 in holders:
        if sk is sk2 or (sk.device and sk2.device and sk.device != sk2.device):
            continue
        if sk.reuse and sk2.reuse and not sk2.listening:
            refuses = not relax or (not reuseport_ok and sk.reuseport and sk2.reuseport)
        else:
            refuses = not (reuseport_ok and sk.reuseport and sk2.reuseport)
        if refuses and rcv_saddr_equal(sk, sk2):
            return True
    return False


def depends_on_kernel(sk: Holder, holders: Iterable[Holder]) -> bool:
    """Whether kernels differ on these: a socket on ::ffff:a.b.c.d together with one on ::ffff:0.0.0.0.

    They overlap, and 5.10.262 and 6.18.44 say so; 6.1.192 has both listen, if the wildcard was first:
    in its bhash2 it looks for the wildcard "::" and not for a mapped one. Found by a generated history.
    """
    wildcard = _MAPPED + bytes(4)
    if sk.family != Family.INET6 or not sk.mapped or sk.address == wildcard:
        return False
    return any(sk2.address == wildcard for sk2 in holders)


def reuseport_match(port: Port, sk: Holder) -> bool:
    """``sk_reuseport_match()``: the port is known to be shared by sockets such as this one."""
    if not port.fastreuseport or not sk.reuseport or sk.grouped or port.fast is None:
        return False
    return port.fastreuseport == FASTREUSEPORT_ANY or rcv_saddr_equal(port.fast, sk, wild2=False)


def get_port(port: Port, sk: Holder, *, to_listen: bool) -> bool:
    """``inet_csk_get_port()`` for a named port: whether it gets it. ``to_listen``: it is in state LISTEN already."""
    reuse = sk.reuse and not to_listen
    passes = (port.fastreuse and reuse) or reuseport_match(port, sk)
    if port.holders and not passes and bind_conflict(sk, port.holders, relax=True, reuseport_ok=True):
        return False
    _update_fastreuse(port, sk, reuse=reuse)
    if sk not in port.holders:
        port.holders.append(sk)
    return True


def _update_fastreuse(port: Port, sk: Holder, *, reuse: bool) -> None:
    """``inet_csk_update_fastreuse()``."""
    if not port.holders:
        port.fastreuse = reuse
        port.fastreuseport = FASTREUSEPORT_ANY if sk.reuseport else 0
        port.fast = sk.snapshot()
        return
    port.fastreuse = port.fastreuse and reuse
    if not sk.reuseport:
        port.fastreuseport = 0
    elif not reuseport_match(port, sk):
        port.fastreuseport = FASTREUSEPORT_STRICT
        port.fast = sk.snapshot()


def finds_open_port(ports: list[Port | None], sk: Holder) -> bool | None:
    """``inet_csk_find_open_port()``; None: chance decides, as of an odd range it omits the first port or the last."""
    free = [
        port is None
        or not port.holders
        or not bind_conflict(sk, port.holders, relax=False, reuseport_ok=False)
        for port in ports
    ]
    if len(ports) < 2 or len(ports) % 2 == 0:
        return any(free)
    if any(free[1:-1]):
        return True
    return None if any(free) else False
