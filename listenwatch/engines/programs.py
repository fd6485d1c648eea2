"""The programs of the probe: where each attaches, which modes use it, which stages it fills."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from listenwatch.engines import attempts
from listenwatch.engines.btf import Btf
from listenwatch.errors import ObserveError, UsageError

ATTACH_MODES = ("kprobe", "fentry", "tracepoint")
"""The richest first; kprobe and fentry see the same."""

KPROBE_PMU = Path("/sys/bus/event_source/devices/kprobe/type")

# probes/listen.h; tests/unit/test_wire.py holds them against the header
MARKER_FD = -0x4C57
DOOR_MARKER = 6
DOOR_OFFSET = 92

_INSIDE = ("kprobe", "fentry")


class Program(NamedTuple):
    """One program: its name, what it attaches to and how, and the stages it fills.

    A program that is not ``required`` attaches where the kernel has its target and is left out elsewhere.
    """

    name: str
    target: str
    kind: str
    modes: tuple[str, ...] = _INSIDE
    stages: tuple[int, ...] = ()
    required: bool = True

    def as_trampoline(self, parameters: int) -> Program:
        """The program that does the same by fentry or fexit, for a target with so many parameters.

        A kretprobe finds the return value in a register. A fexit program finds it behind the
        parameters, so there is one for each number of them (probes/listen.bpf.c).
        """
        if self.kind == "kprobe":
            return self._replace(name=f"{self.name}_fentry", kind="fentry")
        return self._replace(name=f"{self.name}_fexit{parameters}", kind="fexit")


PROGRAMS = (
    Program("sys_listen_entry", "syscalls/sys_enter_listen", "tracepoint", ATTACH_MODES),
    Program("sys_listen_exit", "syscalls/sys_exit_listen", "tracepoint", ATTACH_MODES),
    Program("set_state", "inet_sock_set_state", "raw_tp", ATTACH_MODES, (5, 7)),
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


_WITH_FEXIT = (1, 2)
"""The numbers of parameters for which probes/listen.bpf.c has a fexit program."""


def programs_here(mode: str) -> list[Program]:
    """What this kernel has of the programs of an attach mode; ObserveError if it lacks a required one."""
    wanted = [program for program in PROGRAMS if mode in program.modes]
    if mode == "fentry":
        targets = {program.target for program in wanted if program.kind in ("kprobe", "kretprobe")}
        with Btf() as btf:
            return trampolines(wanted, btf.parameters(targets), kernel_symbols())
    return [p for p in wanted if p.required or p.target in kernel_symbols()]


def trampolines(
    programs: Iterable[Program], parameters: Mapping[str, int], symbols: Iterable[str]
) -> list[Program]:
    """The fentry and fexit programs in place of kprobes, where BTF and /proc/kallsyms name the function."""
    found = []
    for program in programs:
        if program.kind not in ("kprobe", "kretprobe"):
            found.append(program)
        elif program.target in symbols and parameters.get(program.target) in _WITH_FEXIT:
            found.append(program.as_trampoline(parameters[program.target]))
        elif program.required:
            raise ObserveError(
                f"this kernel's BTF does not describe {program.target} as expected: "
                "use --attach kprobe or tracepoint"
            )
    return found


_symbols: set[str] = set()


def kernel_symbols() -> set[str]:
    """The targets this kernel has, by /proc/kallsyms (which every user may list)."""
    if not _symbols:
        text = Path("/proc/kallsyms").read_bytes()
        _symbols.update(
            p.target for p in PROGRAMS if p.kind == "kprobe" and b" %s\n" % p.target.encode() in text
        )
    return _symbols


def has_symbols(names: Collection[str]) -> bool:
    """Whether the kernel has functions of these names, by /proc/kallsyms."""
    text = Path("/proc/kallsyms").read_bytes()
    return all(b" %s\n" % name.encode() in text for name in names)


def stage_mask(programs: Iterable[Program]) -> int:
    """A bit per stage (enum listen_stage_index) that these programs can see."""
    mask = 0
    for program in programs:
        for stage in program.stages:
            mask |= 1 << stage
    return mask


def modes_here() -> tuple[str, ...]:
    """The attach modes that work on this kernel, the richest first."""
    return tuple(mode for mode in ATTACH_MODES if why_not(mode) is None)


def why_not(mode: str) -> str | None:
    """Why this kernel, or this user, cannot attach in this mode; None where it can."""
    if mode == "kprobe" and not KPROBE_PMU.exists():
        return "the kernel was built without kprobes"
    if mode == "fentry":
        attempt = attempts.fentry()
        if attempt.error != 0:
            return f"the kernel refuses fentry ({attempt.refusal})"
    return None


def choose_mode(wanted: str, modes: tuple[str, ...] = ATTACH_MODES) -> tuple[str, str]:
    """The attach mode for ``wanted`` (``auto`` or one of ``modes``) and why."""
    if wanted not in ("auto", *modes):
        raise UsageError(f"no attach mode '{wanted}' here: choose from auto, {', '.join(modes)}")
    if wanted != "auto":
        reason = why_not(wanted)
        if reason:
            raise ObserveError(f"{reason}: {_INSTEAD[wanted]}")
        return wanted, "asked for"
    no_kprobe = why_not("kprobe")
    if no_kprobe is None:
        return "kprobe", "the kernel has kprobes, which see every stage"
    if "fentry" in modes:
        no_fentry = why_not("fentry")
        if no_fentry is None:
            return "fentry", f"{no_kprobe}; fentry sees the same stages"
        no_kprobe += no_fentry.replace("the kernel", " and", 1)
    return "tracepoint", f"{no_kprobe}; tracepoints see no hash stage"


_INSTEAD = {
    "kprobe": "use --attach tracepoint, or 'listenwatch guest --kernel 6.1 -- ...' for a kernel "
    "that has them",
    "fentry": "leave out --attach, which takes the richest mode that works here for this user",
}
"""What to do where an attach mode does not work."""
