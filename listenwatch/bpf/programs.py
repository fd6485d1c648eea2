"""The programs of the probe: where each attaches, and which stages it fills, derived from the table of stages."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from listenwatch.errors import ObserveError
from listenwatch.model.stages import ENTRIES, HASH_FUNCTIONS, Moment, StageIndex

ATTACH_MODES = ("kprobe", "fentry", "tracepoint")
"""The richest first; kprobe and fentry see the same."""

ON_FUNCTIONS = ("kprobe", "kretprobe")
_KINDS = {Moment.ENTRY: "kprobe", Moment.RETURN: "kretprobe", Moment.TRACEPOINT: "raw_tp"}


class BpfProgram(NamedTuple):
    """One program: its name, what it attaches to and how, and the stages it fills.

    ``kind`` is kprobe, kretprobe, fentry, fexit, tracepoint (``target`` is group/event) or raw_tp. A
    program that is not ``required`` attaches where the kernel has its target and is left out elsewhere.
    """

    name: str
    target: str
    kind: str
    stages: tuple[StageIndex, ...] = ()
    required: bool = True

    def as_trampoline(self, parameters: int) -> BpfProgram:
        """The same by fentry or fexit; a fexit program finds the return value behind so many ``parameters``."""
        if self.kind == "kprobe":
            return self._replace(name=f"{self.target}_fentry", kind="fentry")
        return self._replace(name=f"{self.target}_fexit{parameters}", kind="fexit")


class Attachment(NamedTuple):
    """How to attach, decided before any engine is opened: the mode, what chose it, and the programs.

    ``entry_paths`` are the ways to listen() that user space may have here beside the native system call
    (enum listen_entry_path), each with the function where its calls begin.
    """

    mode: str
    why: str
    programs: tuple[BpfProgram, ...]
    entry_paths: Mapping[int, str] = MappingProxyType({})


def _places(stage: StageIndex) -> Iterable[str]:
    """The functions, or the tracepoint, whose programs fill a stage."""
    if stage is StageIndex.HASH:
        return HASH_FUNCTIONS.values()
    if stage in ENTRIES:
        return [entry.function for entry in ENTRIES[stage]]
    return [stage.function]


def _stage_programs() -> list[BpfProgram]:
    """A program for each place and moment at which a stage is passed, in the order of the stages."""
    filled: dict[tuple[str, Moment], list[StageIndex]] = {}
    for stage in StageIndex:
        for place in _places(stage):
            filled.setdefault((place, stage.moment), []).append(stage)
    return [
        BpfProgram(f"{place}_{moment.value}", place, _KINDS[moment], tuple(stages), place in _EVERYWHERE)
        for (place, moment), stages in filled.items()
    ]


def entry_and_return(name: str, *, required: bool = False) -> list[BpfProgram]:
    """Both ends of a function."""
    moments = Moment.ENTRY, Moment.RETURN
    return [BpfProgram(f"{name}_{m.value}", name, _KINDS[m], required=required) for m in moments]


_EVERYWHERE = ("inet_listen", "inet_csk_listen_start", "inet_hash", "inet_sock_set_state")
"""What every kernel from 5.10 on has by these names; without them records would mislead."""

SYSTEM_CALL = (
    BpfProgram("sys_enter_listen_tracepoint", "syscalls/sys_enter_listen", "tracepoint"),
    BpfProgram("sys_exit_listen_tracepoint", "syscalls/sys_exit_listen", "tracepoint"),
)
"""Where a native call begins and ends: every kernel has them, and each system call of the machine pays for them."""

_NATIVE = {"x86_64": "__x64_sys_listen", "aarch64": "__arm64_sys_listen", "riscv64": "__riscv_sys_listen"}
SYSTEM_CALL_FUNCTION = _NATIVE.get(os.uname().machine, "__x64_sys_listen")
"""The function to attach to instead (``NATIVE_LISTEN``, probes/kernel.h): only listen() pays. Kernels for other machines
have none of that name, and keep the tracepoints."""
COMPAT_FUNCTION = SYSTEM_CALL_FUNCTION if os.uname().machine == "aarch64" else "__sys_listen"
"""Where the call of a 32-bit program begins: on arm64 as any other."""

PROGRAMS = (
    *entry_and_return(SYSTEM_CALL_FUNCTION),
    *SYSTEM_CALL,
    *_stage_programs(),
    *entry_and_return("__sys_listen"),
    *entry_and_return("__sys_listen_socket"),
    *entry_and_return("__ia32_sys_listen"),
)


def functions_of(programs: Iterable[BpfProgram], *, required: bool = False) -> tuple[str, ...]:
    """The kernel functions these programs attach to; only those without which there is no record."""
    chosen = (p for p in programs if p.kind in ON_FUNCTIONS and (p.required or not required))
    return tuple(dict.fromkeys(program.target for program in chosen))


FUNCTIONS = functions_of(PROGRAMS)
REQUIRED_FUNCTIONS = functions_of(PROGRAMS, required=True)

_WITH_FEXIT = (1, 2)
"""The numbers of parameters for which probes/listen.bpf.c has a fexit program."""


def at_tracepoints(programs: Iterable[BpfProgram]) -> tuple[BpfProgram, ...]:
    """Those that need no function to attach to."""
    return tuple(program for program in programs if program.kind not in ON_FUNCTIONS)


def at_system_call(programs: Iterable[BpfProgram], *, trampoline: bool) -> tuple[BpfProgram, ...]:
    """The same, a native call only where there is a function for it, else at the tracepoints.

    By ``trampoline`` where the kernel has them: a kretprobe misses the return of a call if too many are under way
    (``rp->maxactive``, kernel/kprobes.c: 1 for each processor at worst), and with it the record.
    """
    chosen = tuple(programs)
    if not any(program.target == SYSTEM_CALL_FUNCTION for program in chosen):
        return chosen
    return tuple(
        program if program.target != SYSTEM_CALL_FUNCTION
        else (program.as_trampoline(1) if trampoline else program)._replace(required=True)
        for program in chosen
        if program not in SYSTEM_CALL
    )  # fmt: skip


def present(programs: Iterable[BpfProgram], functions: Collection[str]) -> tuple[BpfProgram, ...]:
    """What a kernel with these functions has of the programs."""
    return tuple(p for p in programs if p.required or p.kind not in ON_FUNCTIONS or p.target in functions)


def trampolines(
    programs: Iterable[BpfProgram], parameters: Mapping[str, int], functions: Collection[str]
) -> tuple[BpfProgram, ...]:
    """The fentry and fexit programs in place of kprobes, where BTF and /proc/kallsyms name the function."""
    chosen = []
    for program in programs:
        if program.kind not in ON_FUNCTIONS:
            chosen.append(program)
        elif program.target in functions and parameters.get(program.target) in _WITH_FEXIT:
            chosen.append(program.as_trampoline(parameters[program.target]))
        elif program.required:
            raise ObserveError(
                f"this kernel's BTF does not describe {program.target} as expected: "
                "use --attach kprobe or tracepoint"
            )
    return tuple(chosen)


def stage_mask(programs: Iterable[BpfProgram]) -> int:
    """A bit per stage (enum listen_stage_index) that these programs can see."""
    mask = 0
    for program in programs:
        for stage in program.stages:
            mask |= 1 << stage
    return mask
