"""The overflow probe: counts in the kernel which listener had no room for whom, and hands the counts over."""

import ctypes
import struct
from ctypes import c_uint8, c_uint16, c_uint32, c_uint64
from typing import Any, NamedTuple

from listenwatch.bpf import maps
from listenwatch.bpf.bpf_object import BpfObject
from listenwatch.bpf.programs import Attachment
from listenwatch.errors import ObserveError
from listenwatch.linux.btf import Btf

COUNTERS = "ListenOverflows", "ListenDrops", "TCPReqQFullDrop", "TCPReqQFullDoCookies", "EmbryonicRsts"
"""enum overflow_counter, by the names /proc/net/netstat gives them."""


def _layout(*rows: tuple[type, str]) -> type[ctypes.Structure]:
    """A struct: the members of each type, in their order."""
    fields = [(name, kind) for kind, names in rows for name in names.split()]
    return type("Layout", (ctypes.Structure,), {"_fields_": fields})


LAYOUTS = {
    "overflow_key": _layout(
        (c_uint64, "sk netns_cookie"), (c_uint32, "netns"), (c_uint16, "port"),
        (c_uint8, "family kind"), (c_uint8 * 112, "address"),
    ),
    "overflow_value": _layout(
        (c_uint64, "times cookie"),
        (c_uint32, "queue limit qlen epoch peers peers_uncounted connections connections_now connections_uncounted pad"),
    ),
    "overflow_netns": _layout((c_uint64, "cookie"), (c_uint32, "inode pad")),
    "overflow_total": _layout((c_uint64 * len(COUNTERS), "moved"), (c_uint64, "unplaced")),
    "overflow_config": _layout((c_uint32 * len(COUNTERS), "index")),
}
"""Every struct of probes/overflow.h; tests/unit/bpf/test_overflow_wire.py holds each against the header."""

_Key, _Value, _Netns, _Total, _Config = LAYOUTS.values()


class Counted(NamedTuple):
    """One listener and kind: met ``times`` times since the start; the rest as the last time saw it.

    ``sk`` is 0 where only the address is known, ``cookie`` 0 where nobody has asked for it yet.
    ``peers`` are the distinct ones of interval ``epoch``, ``peers_uncounted`` come on top if not 0. Connections are
    told apart by address and port: ``connections`` in all, ``connections_now`` in the interval, exactly as long as
    ``connections_uncounted`` is 0, which it is for the first 65,536 of the machine; of AF_UNIX none are known.
    """

    sk: int
    netns_cookie: int
    netns: int
    port: int
    family: int
    kind: int
    address: bytes
    times: int
    cookie: int
    queue: int
    limit: int
    qlen: int
    epoch: int
    peers: int
    peers_uncounted: int
    connections: int = 0
    connections_now: int = 0
    connections_uncounted: int = 0
    pad: int = 0


class Netns(NamedTuple):
    """A network namespace; ``cookie`` is 0 before v5.12, and unlike the inode number never given again."""

    inode: int
    cookie: int


class Total(NamedTuple):
    """By how much each of ``COUNTERS`` moved in a namespace, and events no listener's count has."""

    moved: tuple[int, ...] = (0,) * len(COUNTERS)
    unplaced: int = 0


class OverflowProbe:
    """The probe, attached until it is closed: its ``attach`` mode, ``why`` it has no richer, and its ``programs``.

    ObserveError where the kernel refuses it.
    """

    def __init__(self, attachment: Attachment) -> None:
        self.attach, self.why, self.programs, _ = attachment
        config = _Config(_places())
        self._probe = BpfObject("overflow")
        try:
            self._probe.load(self.programs, config)
            self.epoch = 0
            self.next_epoch()
            # each of them: where the kernel has the function, a count without it would be short
            self._probe.attach(program._replace(required=True) for program in self.programs)
        except BaseException:
            self._probe.close()
            raise

    def next_epoch(self) -> None:
        """Begin an interval: peers are counted anew."""
        self.epoch += 1
        maps.store(self._probe.map_fd("epoch"), bytes(4), struct.pack("=I", self.epoch))

    def counted(self) -> list[Counted]:
        """Every listener and kind there is a count of."""
        key, value = _struct_of(_Key), _struct_of(_Value)
        entries = maps.entries(self._probe.map_fd("listeners"), key.size, value.size)
        return [Counted(*key.unpack(k), *value.unpack(v)) for k, v in entries]

    def total(self, netns: Netns) -> Total:
        """What the probe saw of one network namespace."""
        key = bytes(_Netns(netns.cookie, netns.inode, 0))
        value = maps.value(self._probe.map_fd("totals"), key, ctypes.sizeof(_Total))
        if value is None:
            return Total()
        total: Any = _Total.from_buffer_copy(value)
        return Total(tuple(total.moved), total.unplaced)

    def namespaces(self) -> list[Netns]:
        """The network namespaces in which a counter moved."""
        entries = maps.entries(self._probe.map_fd("totals"), ctypes.sizeof(_Netns), ctypes.sizeof(_Total))
        keys: list[Any] = [_Netns.from_buffer_copy(key) for key, _ in entries]
        return [Netns(key.inode, key.cookie) for key in keys]

    def capacity(self, name: str) -> int:
        """How many entries a map, ``listeners`` or ``totals``, has room for."""
        return maps.capacity(self._probe.map_fd(name))

    def forget(self, counted: Counted) -> None:
        """Make room: what is counted there meanwhile is lost, so only what has not moved for long."""
        maps.delete(self._probe.map_fd("listeners"), _struct_of(_Key).pack(*counted[:7]))

    def forget_namespace(self, netns: Netns) -> None:
        """Make room, once the namespace is gone."""
        maps.delete(self._probe.map_fd("totals"), bytes(_Netns(netns.cookie, netns.inode, 0)))

    def skipped(self) -> int:
        """How often the kernel skipped one of the programs because one ran on that processor already."""
        return sum(maps.misses(self._probe.program_fd(p.name)) for p in self.programs)

    def close(self) -> None:
        """Detach; safe to call twice."""
        self._probe.close()


def _struct_of(layout: type[ctypes.Structure]) -> struct.Struct:
    """The same for the struct module, which takes thousands of them apart ten times as fast."""
    codes: dict[type, str] = {c_uint8: "B", c_uint16: "H", c_uint32: "I", c_uint64: "Q"}
    kinds = [field[1] for field in layout._fields_]
    return struct.Struct("=" + "".join(codes.get(kind) or f"{ctypes.sizeof(kind)}s" for kind in kinds))


def _places() -> tuple[int, ...]:
    """Where each counter stands in struct linux_mib: the enum is part of no promise, so BTF is asked."""
    names = {name.lower(): value for name, value in Btf.read().enum_with("LINUX_MIB_NUM").items()}
    try:
        return tuple(names[f"linux_mib_{counter.lower()}"] for counter in COUNTERS)
    except KeyError as error:
        raise ObserveError(f"this kernel's BTF does not name {error.args[0].upper()}") from None
