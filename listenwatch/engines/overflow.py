"""The overflow probe: counts in the kernel who was refused room by which listener, and hands the counts over."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from listenwatch.engines import maps
from listenwatch.engines.bpf_object import BpfObject
from listenwatch.engines.btf import Btf
from listenwatch.engines.programs import has_symbols, why_not
from listenwatch.errors import ObserveError

OBJECT = Path(__file__).with_name("overflow.bpf.o")
MODES = ("kprobe", "tracepoint")
"""The richer first: kprobes name the socket, tracepoints the address a packet went to."""

# probes/overflow.h; tests/unit/test_overflow_wire.py holds them against the header
COUNTERS = (
    "ListenOverflows",
    "ListenDrops",
    "TCPReqQFullDrop",
    "TCPReqQFullDoCookies",
    "EmbryonicRsts",
)
KEY = struct.Struct("=QQIHBB112s")
VALUE = struct.Struct("=QQIIIIII")
TOTAL = struct.Struct("=5QQ")
NETNS = struct.Struct("=QII")

_HANDLERS = ("tcp_conn_request", "tcp_check_req", "cookie_v4_check", "cookie_v6_check")
_CONNECTS = (
    ("connect_entry", "syscalls/sys_enter_connect"),
    ("connect_exit", "syscalls/sys_exit_connect"),
    ("thread_sleeps", None),
)
_PACKETS = ("packet_begins", "packet_consumed", "packet_dropped")


class Config(ctypes.Structure):
    """``struct overflow_config``."""

    _fields_ = (("index", ctypes.c_uint32 * len(COUNTERS)),)


class Counted(NamedTuple):
    """One listener and kind: met ``times`` times since the start; the rest as the last one found it.

    ``sk`` is 0 where only the address is known, ``cookie`` 0 where nobody has asked for it yet.
    ``peers`` are the distinct ones of interval ``epoch``, ``peers_untold`` come on top if not 0.
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
    peers_untold: int


class Netns(NamedTuple):
    """A network namespace; ``cookie`` is 0 before v5.12, and tells it from the next of that inode number."""

    inode: int
    cookie: int


class Total(NamedTuple):
    """By how much each of ``COUNTERS`` moved in a namespace, and events no listener's count has."""

    moved: tuple[int, ...] = (0,) * len(COUNTERS)
    unplaced: int = 0


def choose_mode(wanted: str) -> tuple[str, str]:
    """``auto``, ``kprobe`` or ``tracepoint``: the mode, and why not the richer one."""
    refusal = why_not("kprobe")
    missing = [name for name in _HANDLERS[:2] if not has_symbols([name])]
    if refusal is None and missing:
        refusal = f"the kernel has no function {missing[0]}"
    if wanted == "kprobe" and refusal:
        raise ObserveError(f"{refusal}: use --attach tracepoint")
    if wanted == "tracepoint" or refusal:
        return "tracepoint", refusal or "asked for"
    return "kprobe", ""


class OverflowProbe:
    """The probe, attached until it is closed. ObserveError where the kernel refuses it."""

    def __init__(self, attach: str = "auto") -> None:
        self.attach, self.why = choose_mode(attach)
        config = Config(_places())
        self._probe = BpfObject(OBJECT)
        try:
            programs = list(self._programs())
            self._probe.choose([name for name, _ in programs])
            self._probe.set_config(config)
            self._probe.load()
            self._names = [name for name, _ in programs]
            self.epoch = 0
            self.next_epoch()
            for name, tracepoint in programs:
                if not self._probe.attach(name, tracepoint=tracepoint):
                    raise self._probe.failed(f"cannot attach {name}", "--verbose shows the log")
        except BaseException:
            self._probe.close()
            raise

    def _programs(self) -> Iterator[tuple[str, str | None]]:
        if self.attach == "kprobe":
            for handler in _HANDLERS:
                if has_symbols([handler]):
                    yield f"{handler}_entry", None
                    yield f"{handler}_return", None
        else:
            yield from ((name, None) for name in _PACKETS)
        yield from _CONNECTS

    def next_epoch(self) -> None:
        """Begin an interval: peers are told anew."""
        self.epoch += 1
        maps.store(self._probe.map_fd("epoch"), bytes(4), struct.pack("=I", self.epoch))

    def counted(self) -> list[Counted]:
        """Every listener and kind there is a count of."""
        found = maps.entries(self._probe.map_fd("listeners"), KEY.size, VALUE.size)
        return [Counted(*KEY.unpack(key), *VALUE.unpack(value)) for key, value in found]

    def total(self, netns: Netns) -> Total:
        """What the probe saw of one network namespace."""
        key = NETNS.pack(netns.cookie, netns.inode, 0)
        value = maps.value(self._probe.map_fd("totals"), key, TOTAL.size)
        if value is None:
            return Total()
        *moved, unplaced = TOTAL.unpack(value)
        return Total(tuple(moved), unplaced)

    def namespaces(self) -> list[Netns]:
        """The network namespaces in which a counter moved."""
        found = maps.entries(self._probe.map_fd("totals"), NETNS.size, TOTAL.size)
        keys = (NETNS.unpack(key) for key, _ in found)
        return [Netns(inode, cookie) for cookie, inode, _ in keys]

    def skipped(self) -> int:
        """How often the kernel skipped one of the programs because one ran on that processor already."""
        return sum(maps.misses(self._probe.program_fd(name)) for name in self._names)

    def close(self) -> None:
        """Detach; safe to call twice."""
        self._probe.close()


def _places() -> tuple[int, ...]:
    """Where each counter stands in struct linux_mib: the enum is part of no promise, so BTF is asked."""
    with Btf() as btf:
        names = {name.lower(): value for name, value in btf.enum_with("LINUX_MIB_NUM").items()}
    try:
        return tuple(names[f"linux_mib_{counter.lower()}"] for counter in COUNTERS)
    except KeyError as error:
        raise ObserveError(f"this kernel's BTF does not name {error.args[0].upper()}") from None
