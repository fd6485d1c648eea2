"""What the running system says of itself: files read and things tried, nothing concluded."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from listenwatch.bpf import overflow_programs
from listenwatch.bpf.bcc_package import find_package
from listenwatch.bpf.programs import FUNCTIONS
from listenwatch.features import attempts
from listenwatch.linux import btf, libc
from listenwatch.linux.btf import BTF
from listenwatch.linux.kallsyms import functions_listed
from listenwatch.linux.kernel import release_of_kernel
from listenwatch.linux.privileges import own_privilege

if TYPE_CHECKING:
    from listenwatch.linux.kernel import Kernel

X32 = "__x64_compat_sys_x32_rt_sigreturn"
"""A function of the x32 system calls (CONFIG_X86_X32_ABI), which the tracepoints of a system call leave out too."""
AARCH32 = "compat_arm_syscall"
"""A function of the system calls of AArch32 programs (CONFIG_COMPAT of arm64)."""
KPROBE_AT_FTRACE = "arch_prepare_kprobe_ftrace"
"""A function of kernels whose kprobes may stand where ftrace changes an instruction (check_ftrace_location(), kernel/kprobes.c)."""
_OF_MACHINE = {"x86_64": ("__ia32_sys_listen", X32), "aarch64": (AARCH32,)}
OTHER_ENTRIES = (*_OF_MACHINE.get(os.uname().machine, ()), "io_listen")
"""The functions by which a kernel for this machine shows that there are other ways to listen() than the native system call."""
SYMBOLS = (
    *FUNCTIONS, *overflow_programs.FUNCTIONS, *overflow_programs.FUNCTIONS_OF_CONNECT, overflow_programs.TRAMPOLINE_OUTLIVES,
    "io_listen", X32, AARCH32, KPROBE_AT_FTRACE,
)  # fmt: skip
TRACEPOINTS = ("syscalls/sys_enter_listen", "syscalls/sys_exit_listen")
STATE_TRACEPOINT = "inet_sock_set_state"
KPROBE_PMU = "sys/bus/event_source/devices/kprobe"

_SYS_LSM_LIST_MODULES = 461  # since v6.8, the same number on every architecture
_LSM_ID_BPF = 109  # include/uapi/linux/lsm.h


class Evidence:
    """Everything the answers rest on, each read or tried when it is first asked for, and then kept.

    Needs no privilege, only finds out less without. None: this source could not be read, which is no
    answer. ``symbols`` are those of SYMBOLS that /proc/kallsyms lists, ``btf_names``
    those of OTHER_ENTRIES that BTF does; ``config`` is the kernel's
    kconfig and its file; ``lsm_active`` says whether "bpf" is among the active security modules.
    What is passed by name is taken for known.
    """

    def __init__(self, root: Path = Path("/"), **known: object) -> None:
        self._root = root
        for name in known:
            getattr(type(self), name)
        vars(self).update(known)

    @cached_property
    def kernel(self) -> Kernel:
        """This kernel, and all that it names."""
        from listenwatch.linux.kernel_names import (
            kernel_names,  # brings the model, for which few answers have a use
        )

        return release_of_kernel()._replace(has=kernel_names(self._root, signatures=True))

    euid = cached_property(lambda self: os.geteuid())
    privilege = cached_property(lambda self: own_privilege(self._root))
    machine = cached_property(lambda self: os.uname().machine)
    btf = cached_property(lambda self: is_there(self._root / BTF, self._root / "sys/kernel"))
    btf_names = cached_property(lambda self: names_in(self._root / BTF, OTHER_ENTRIES))
    btf_names_tracepoint = cached_property(
        lambda self: bool(names_in(self._root / BTF, [f"btf_trace_{STATE_TRACEPOINT}"]))
    )
    kprobe_pmu = cached_property(
        lambda self: is_there(self._root / KPROBE_PMU, (self._root / KPROBE_PMU).parent)
    )
    config = cached_property(lambda self: kconfig(self._root, os.uname().release))
    symbols = cached_property(lambda self: functions_listed(SYMBOLS, self._root))
    headers = cached_property(lambda self: kernel_headers(self._root, os.uname().release))
    bcc = cached_property(lambda self: str(find_package(self._root) or ""))
    lsm_active = cached_property(lambda self: bpf_lsm_active(self._root))
    ring_buffer = cached_property(lambda self: attempts.ring_buffer())
    fentry = cached_property(lambda self: attempts.fentry())
    lsm = cached_property(lambda self: attempts.lsm())
    mptcp = cached_property(lambda self: attempts.mptcp())
    seccomp = cached_property(lambda self: attempts.seccomp())
    state_tracepoint = cached_property(lambda self: attempts.raw_tracepoint(STATE_TRACEPOINT))
    tracepoints = cached_property(lambda self: tuple(attempts.tracepoint(name) for name in TRACEPOINTS))


def is_there(path: Path, folder: Path) -> bool | None:
    """Whether ``path`` exists; None where not even the folder that would list it can be seen."""
    try:
        return path.exists() if folder.is_dir() else None
    except OSError:
        return None


def names_in(path: Path, names: Collection[str]) -> frozenset[str] | None:
    """Those of ``names`` that a BTF has; None where it cannot be read."""
    try:
        return btf.names_in(path, names)
    except OSError:
        return None


def kconfig(root: Path, release: str) -> tuple[dict[str, str] | None, str]:
    """The kernel's configuration and its file; ``(None, "")`` where it is not published."""
    import gzip  # few answers need it

    for name in ("proc/config.gz", f"boot/config-{release}", f"lib/modules/{release}/config"):
        path = root / name
        try:
            data = path.read_bytes()
            text = gzip.decompress(data) if path.suffix == ".gz" else data
        except OSError:
            continue
        pairs = (line.split("=", 1) for line in text.decode().splitlines() if line[:7] == "CONFIG_")
        return {name: value for name, value in pairs}, f"/{name}"
    return None, ""


def kernel_headers(root: Path, release: str) -> str:
    """Where bcc would find this kernel's headers; empty if nowhere."""
    for path in (root / f"lib/modules/{release}/build", root / "sys/kernel/kheaders.tar.xz"):
        if path.exists():
            return str(path)
    return ""


def bpf_lsm_active(root: Path) -> bool | None:
    """Whether "bpf" is an active security module: by securityfs, else by lsm_list_modules(2)."""
    try:
        return "bpf" in (root / "sys/kernel/security/lsm").read_text().split(",")
    except OSError:
        pass
    ids, size = (ctypes.c_uint64 * 32)(), ctypes.c_uint32(32 * 8)
    try:
        count = libc.syscall(_SYS_LSM_LIST_MODULES, ids, ctypes.byref(size), 0)
    except OSError:
        return None
    return _LSM_ID_BPF in ids[:count]
