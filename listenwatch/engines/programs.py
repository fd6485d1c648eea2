"""The programs in the compiled probe: where each attaches, which modes use it, which stages it fills."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from listenwatch.errors import ObserveError, UsageError

ATTACH_MODES = ("kprobe", "tracepoint")
KPROBE_PMU = Path("/sys/bus/event_source/devices/kprobe/type")

# probes/listen.h; tests/unit/test_wire.py holds them against the header
MARKER_FD = -0x4C57
DOOR_MARKER = 6
DOOR_OFFSET = 92

_BOTH = ("kprobe", "tracepoint")
_KPROBE = ("kprobe",)


class Program(NamedTuple):
    """One program: its name in the object, what it attaches to and how, and the stages it fills.

    A program that is not ``required`` attaches where the kernel has its target and is left out elsewhere.
    """

    name: str
    target: str
    kind: str
    modes: tuple[str, ...] = _KPROBE
    stages: tuple[int, ...] = ()
    required: bool = True

    def is_present(self) -> bool:
        """False where /proc/kallsyms says the target cannot exist; attaching has the last word."""
        by_symbol = self.kind in ("kprobe", "kretprobe") and not self.required
        return not by_symbol or self.target in kernel_symbols()


_symbols: set[str] = set()


def kernel_symbols() -> set[str]:
    """The optional targets this kernel has, by /proc/kallsyms (which every user may list)."""
    if not _symbols:
        text = Path("/proc/kallsyms").read_bytes()
        _symbols.update(
            p.target for p in PROGRAMS if p.kind == "kprobe" and b" %s\n" % p.target.encode() in text
        )
    return _symbols


PROGRAMS = (
    Program("sys_listen_entry", "syscalls/sys_enter_listen", "tracepoint", _BOTH),
    Program("sys_listen_exit", "syscalls/sys_exit_listen", "tracepoint", _BOTH),
    Program("set_state", "inet_sock_set_state", "raw_tp", _BOTH, (5, 7)),
    Program("inet_listen_entry", "inet_listen", "kprobe", stages=(2,)),
    Program("inet_listen_return", "inet_listen", "kretprobe", stages=(9,)),
    Program("listen_start_entry", "inet_csk_listen_start", "kprobe", stages=(4,)),
    Program("listen_start_return", "inet_csk_listen_start", "kretprobe", stages=(8,)),
    Program("inet_hash_entry", "inet_hash", "kprobe", stages=(6,)),
    Program("inet6_hash_entry", "inet6_hash", "kprobe", stages=(6,), required=False),
    Program("security_listen_entry", "security_socket_listen", "kprobe", stages=(0,), required=False),
    Program("security_listen_return", "security_socket_listen", "kretprobe", stages=(1,), required=False),
    Program("inet_listen_sk_entry", "__inet_listen_sk", "kprobe", stages=(3,), required=False),
    Program("inet_listen_sk_return", "__inet_listen_sk", "kretprobe", required=False),
    Program("compat_listen_entry", "__sys_listen", "kprobe", required=False),
    Program("compat_listen_exit", "__sys_listen", "kretprobe", required=False),
    Program("ia32_listen_entry", "__ia32_sys_listen", "kprobe", required=False),
    Program("ia32_listen_exit", "__ia32_sys_listen", "kretprobe", required=False),
    Program("io_uring_listen_entry", "__sys_listen_socket", "kprobe", required=False),
    Program("io_uring_listen_exit", "__sys_listen_socket", "kretprobe", required=False),
)


def stage_mask(programs: Iterable[Program]) -> int:
    """A bit per stage (enum listen_stage_index) that these programs can see."""
    mask = 0
    for program in programs:
        for stage in program.stages:
            mask |= 1 << stage
    return mask


def choose_mode(wanted: str) -> tuple[str, str]:
    """The attach mode for ``wanted`` (``auto``, ``kprobe`` or ``tracepoint``) and why."""
    if wanted not in ("auto", *ATTACH_MODES):
        raise UsageError(f"unknown attach mode '{wanted}': choose auto, kprobe or tracepoint")
    kprobes = KPROBE_PMU.exists()
    if wanted == "kprobe" and not kprobes:
        raise ObserveError(
            "this kernel has no kprobes (CONFIG_KPROBES is off): use --attach tracepoint, or "
            "'listenwatch guest --kernel 6.1 -- ...' for a kernel that has them"
        )
    if wanted != "auto":
        return wanted, "asked for"
    if kprobes:
        return "kprobe", "the kernel has kprobes, which see every stage"
    return "tracepoint", "the kernel was built without kprobes; tracepoints see no hash stage"
