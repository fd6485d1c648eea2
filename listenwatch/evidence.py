"""What the running system says of itself: files read and things tried, nothing concluded."""

from __future__ import annotations

import ctypes
import gzip
import os
from pathlib import Path
from typing import NamedTuple

from listenwatch.answers import Privilege
from listenwatch.engines import attempts
from listenwatch.engines.attempts import Attempt
from listenwatch.kernel import Kernel, running_kernel

HOOKS = (
    "inet_listen",
    "__inet_listen_sk",
    "inet_csk_listen_start",
    "inet_hash",
    "inet6_hash",
    "security_socket_listen",
    "__sys_listen",
    "__sys_listen_socket",
    "__ia32_sys_listen",
)
"""Every kernel function a probe may attach to."""

SYMBOLS = (*HOOKS, "io_listen")
TRACEPOINTS = ("syscalls/sys_enter_listen", "syscalls/sys_exit_listen")
STATE_TRACEPOINT = "inet_sock_set_state"

# Where distributions put bcc for their own Python. PyPI's package of that name is something else
# and has no libbcc.
_BCC = (
    "usr/lib/python3/dist-packages/bcc/libbcc.py",
    "usr/lib/python3*/site-packages/bcc/libbcc.py",
)

_SYS_LSM_LIST_MODULES = 461  # since v6.8, the same number on every architecture
_LSM_ID_BPF = 109  # include/uapi/linux/lsm.h


class Evidence(NamedTuple):
    """Everything the answers rest on. None: this source could not be read, which is no answer.

    ``symbols`` are those of SYMBOLS that /proc/kallsyms lists; ``config`` the kernel's kconfig and
    ``config_source`` its file; ``lsm_active`` whether "bpf" is among the active security modules.
    """

    kernel: Kernel
    euid: int
    privilege: Privilege
    btf: bool | None
    btf_names_tracepoint: bool
    kprobe_pmu: bool | None
    config: dict[str, str] | None
    config_source: str
    symbols: frozenset[str] | None
    headers: str
    bcc: str
    lsm_active: bool | None
    ring_buffer: Attempt
    fentry: Attempt
    lsm: Attempt
    mptcp: Attempt
    state_tracepoint: Attempt
    tracepoints: tuple[Attempt, ...]


def gather(root: Path = Path("/")) -> Evidence:
    """Read and try everything; needs no privilege, only finds out less without."""
    kernel = running_kernel()
    config, source = kconfig(root, kernel.release)
    return Evidence(
        kernel=kernel,
        euid=os.geteuid(),
        privilege=own_privilege(root),
        btf=is_there(root / "sys/kernel/btf/vmlinux", root / "sys/kernel"),
        btf_names_tracepoint=names_tracepoint(root / "sys/kernel/btf/vmlinux"),
        kprobe_pmu=is_there(
            root / "sys/bus/event_source/devices/kprobe", root / "sys/bus/event_source/devices"
        ),
        config=config,
        config_source=source,
        symbols=listed_symbols(root),
        headers=kernel_headers(root, kernel.release),
        bcc=next((str(path.parent) for pattern in _BCC for path in root.glob(pattern)), ""),
        lsm_active=bpf_lsm_active(root),
        ring_buffer=attempts.ring_buffer(),
        fentry=attempts.fentry(),
        lsm=attempts.lsm(),
        mptcp=attempts.mptcp(),
        state_tracepoint=attempts.raw_tracepoint(STATE_TRACEPOINT),
        tracepoints=tuple(attempts.tracepoint(name) for name in TRACEPOINTS),
    )


def is_there(path: Path, folder: Path) -> bool | None:
    """Whether ``path`` exists; None where not even the folder that would list it can be seen."""
    try:
        return path.exists() if folder.is_dir() else None
    except OSError:
        return None


def names_tracepoint(btf: Path) -> bool:
    """Whether BTF has the type that comes with a raw tracepoint (include/trace/bpf_probe.h)."""
    try:
        return f"\0btf_trace_{STATE_TRACEPOINT}\0".encode() in btf.read_bytes()
    except OSError:
        return False


def kconfig(root: Path, release: str) -> tuple[dict[str, str] | None, str]:
    """The kernel's configuration and its file; ``(None, "")`` where it is not published."""
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


def listed_symbols(root: Path) -> frozenset[str] | None:
    """Those of SYMBOLS in /proc/kallsyms; None if it is missing or empty (no CONFIG_KALLSYMS)."""
    try:
        text = (root / "proc/kallsyms").read_bytes()
    except OSError:
        return None
    if not text:
        return None
    return frozenset(name for name in SYMBOLS if b" %s\n" % name.encode() in text)


def own_privilege(root: Path) -> Privilege:
    """CapEff of this process, and whether it lives in the initial user namespace (user_namespaces(7))."""
    status = (root / "proc/self/status").read_text()
    capabilities = next(
        int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:")
    )
    mapping = (root / "proc/self/uid_map").read_text().split()
    return Privilege(capabilities, mapping == ["0", "0", "4294967295"])


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
    libc = ctypes.CDLL(None, use_errno=True)
    count = libc.syscall(_SYS_LSM_LIST_MODULES, ids, ctypes.byref(size), 0)
    return None if count < 0 else _LSM_ID_BPF in ids[:count]
