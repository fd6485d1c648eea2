"""Asks the kernel by trying: a smallest map or program of each kind through bpf(2), soon gone."""

import ctypes
import errno
import mmap
import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from listenwatch.bpf import libbpf, tracefs
from listenwatch.errors import ObserveError
from listenwatch.linux import libc

_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280}

# enum bpf_cmd, bpf_map_type, bpf_prog_type and bpf_attach_type, include/uapi/linux/bpf.h
_MAP_CREATE, _PROG_LOAD, _RAW_TRACEPOINT_OPEN = 0, 5, 17
_MAP_TYPE_RINGBUF = 27
_PROG_TYPE_RAW_TRACEPOINT, _PROG_TYPE_TRACING, _PROG_TYPE_LSM = 17, 26, 29
_TRACE_FENTRY, _LSM_MAC = 24, 27

_RETURN_0 = bytes.fromhex("b700000000000000 9500000000000000")  # r0 = 0; exit
_IPPROTO_MPTCP = 262
ENOTSUPP = 524  # the kernel's own, in no user header: "this architecture has no trampolines"
_NAMES = {ENOTSUPP: "ENOTSUPP", errno.EOPNOTSUPP: "EOPNOTSUPP"}  # ENOTSUP, by Python, is the same number


class Attempt(NamedTuple):
    """One thing tried: ``error`` is 0 if it worked, the errno if refused, None if not tried, as ``note`` explains."""

    what: str
    error: int | None
    note: str = ""

    @property
    def refusal(self) -> str:
        """Why it did not work: the errno's name, or the note."""
        if self.error is None:
            return self.note
        return _NAMES.get(self.error) or errno.errorcode.get(self.error, str(self.error))


class _MapCreate(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("map_type", "key_size", "value_size", "max_entries"))


class _ProgLoad(ctypes.Structure):
    _fields_ = (
        ("prog_type", ctypes.c_uint32), ("insn_cnt", ctypes.c_uint32), ("insns", ctypes.c_char_p),
        ("license", ctypes.c_char_p), ("log", ctypes.c_uint32 * 4), ("kern_version", ctypes.c_uint32),
        ("prog_flags", ctypes.c_uint32), ("prog_name", ctypes.c_char * 16), ("prog_ifindex", ctypes.c_uint32),
        ("expected_attach_type", ctypes.c_uint32), ("debug_info", ctypes.c_uint32 * 9),
        ("attach_btf_id", ctypes.c_uint32), ("attach_prog_fd", ctypes.c_uint32),
    )


class _RawTracepointOpen(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("prog_fd", ctypes.c_uint32))


def _bpf(owned: ExitStack, command: int, attr: ctypes.Structure) -> int:
    """bpf(2): a descriptor that closes with ``owned``; OSError as the kernel refused."""
    machine = os.uname().machine
    if machine not in _BPF:
        raise ObserveError(f"the number of bpf(2) on {machine} is not known here")
    fd = libc.syscall(_BPF[machine], command, ctypes.byref(attr), ctypes.sizeof(attr))
    owned.callback(os.close, fd)
    return fd


def _load(owned: ExitStack, kind: int, attach_type: int = 0, btf_id: int = 0) -> int:
    attr = _ProgLoad(
        prog_type=kind, insn_cnt=len(_RETURN_0) // 8, insns=_RETURN_0, license=b"GPL",
        expected_attach_type=attach_type, attach_btf_id=btf_id,
    )
    return _bpf(owned, _PROG_LOAD, attr)


def _may_load(kind: int, attach_type: int) -> None:
    """EPERM where programs of this kind are refused whatever their function: finding its number takes 25 ms."""
    try:
        with ExitStack() as owned:
            _load(owned, kind, attach_type)
    except OSError as error:
        if error.errno == errno.EPERM:
            raise


def _btf_id(name: str, attach_type: int) -> int:
    """The number the kernel's BTF gives a function; OSError if it names none such."""
    number: int = libbpf.load_library().libbpf_find_vmlinux_btf_id(name.encode(), attach_type)
    if number < 0:
        raise OSError(-number, os.strerror(-number))
    return number


def _try(what: str, action: Callable[[ExitStack], object]) -> Attempt:
    """Do it; what it makes is gone again afterwards."""
    try:
        with ExitStack() as owned:
            action(owned)
    except ObserveError as error:
        return Attempt(what, None, str(error))
    except OSError as error:
        return Attempt(what, error.errno)
    return Attempt(what, 0)


def ring_buffer() -> Attempt:
    """A BPF ring buffer of one page."""
    attr = _MapCreate(_MAP_TYPE_RINGBUF, 0, 0, mmap.PAGESIZE)
    what = "bpf(2) creating a BPF_MAP_TYPE_RINGBUF"
    return _try(what, lambda owned: _bpf(owned, _MAP_CREATE, attr))


def fentry() -> Attempt:
    """A do-nothing fentry program on inet_listen, loaded and attached for a moment."""

    def action(owned: ExitStack) -> None:
        _may_load(_PROG_TYPE_TRACING, _TRACE_FENTRY)
        btf_id = _btf_id("inet_listen", _TRACE_FENTRY)
        program = _load(owned, _PROG_TYPE_TRACING, _TRACE_FENTRY, btf_id)
        _bpf(owned, _RAW_TRACEPOINT_OPEN, _RawTracepointOpen(None, program))

    return _try("bpf(2) loading and attaching fentry/inet_listen", action)


def lsm() -> Attempt:
    """A program for the security hook of listen, loaded and not attached."""
    what = "bpf(2) loading lsm/socket_listen"
    return _try(what, lambda owned: _load(owned, _PROG_TYPE_LSM, _LSM_MAC, _btf_id("socket_listen", _LSM_MAC)))


def raw_tracepoint(name: str) -> Attempt:
    """A do-nothing program on a raw tracepoint, attached for a moment."""

    def action(owned: ExitStack) -> None:
        program = _load(owned, _PROG_TYPE_RAW_TRACEPOINT)
        _bpf(owned, _RAW_TRACEPOINT_OPEN, _RawTracepointOpen(name.encode(), program))

    return _try(f"bpf(2) BPF_RAW_TRACEPOINT_OPEN {name}", action)


def tracepoint(name: str) -> Attempt:
    """The number of a tracepoint ``group/event``, read from tracefs."""
    return _try(f"tracefs events/{name}/id", lambda _: tracefs.event_id(name))


def seccomp() -> Attempt:
    """All that attach mode seccomp takes, in a child."""
    from listenwatch.seccomp import trial  # seldom asked, as the next

    return _try(trial.WHAT, lambda _: trial.try_it())


def mptcp() -> Attempt:
    """An MPTCP socket, which needs no privilege."""
    import socket

    kind = socket.AF_INET, socket.SOCK_STREAM, _IPPROTO_MPTCP
    what = "socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP)"
    return _try(what, lambda owned: owned.enter_context(socket.socket(*kind)))
