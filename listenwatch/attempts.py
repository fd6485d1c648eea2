"""Asks the kernel by trying: the smallest map or program of each kind through bpf(2), taken back at once."""

from __future__ import annotations

import ctypes
import os
import socket
from typing import NamedTuple

from listenwatch.engines import libbpf, tracefs
from listenwatch.errors import ObserveError

_BPF = {"x86_64": 321, "aarch64": 280}

# enum bpf_cmd, bpf_map_type, bpf_prog_type and bpf_attach_type, include/uapi/linux/bpf.h
_MAP_CREATE, _PROG_LOAD, _RAW_TRACEPOINT_OPEN = 0, 5, 17
_MAP_TYPE_RINGBUF = 27
_PROG_TYPE_RAW_TRACEPOINT, _PROG_TYPE_TRACING, _PROG_TYPE_LSM = 17, 26, 29
_TRACE_FENTRY, _LSM_MAC = 24, 27

_RETURN_0 = bytes.fromhex("b700000000000000 9500000000000000")  # r0 = 0; exit
_IPPROTO_MPTCP = 262


class Attempt(NamedTuple):
    """One thing tried. ``error`` is 0 where it worked, the errno where it was refused, and None
    where it could not be tried, which ``note`` explains.
    """

    what: str
    error: int | None
    note: str = ""


class _MapCreate(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint32) for name in ("map_type", "key_size", "value_size", "max_entries")
    )


class _ProgLoad(ctypes.Structure):
    _fields_ = (
        ("prog_type", ctypes.c_uint32),
        ("insn_cnt", ctypes.c_uint32),
        ("insns", ctypes.c_char_p),
        ("license", ctypes.c_char_p),
        ("log", ctypes.c_uint32 * 4),
        ("kern_version", ctypes.c_uint32),
        ("prog_flags", ctypes.c_uint32),
        ("prog_name", ctypes.c_char * 16),
        ("prog_ifindex", ctypes.c_uint32),
        ("expected_attach_type", ctypes.c_uint32),
        ("debug_info", ctypes.c_uint32 * 9),
        ("attach_btf_id", ctypes.c_uint32),
        ("attach_prog_fd", ctypes.c_uint32),
    )


class _RawTracepointOpen(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("prog_fd", ctypes.c_uint32))


def _bpf(command: int, attr: ctypes.Structure) -> int:
    """bpf(2): a descriptor; OSError as the kernel refused."""
    machine = os.uname().machine
    if machine not in _BPF:
        raise ObserveError(f"the number of bpf(2) on {machine} is not known here")
    libc = ctypes.CDLL(None, use_errno=True)
    fd: int = libc.syscall(_BPF[machine], command, ctypes.byref(attr), ctypes.sizeof(attr))
    if fd < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return fd


def _load(kind: int, attach_type: int = 0, btf_id: int = 0) -> int:
    return _bpf(
        _PROG_LOAD,
        _ProgLoad(
            prog_type=kind,
            insn_cnt=len(_RETURN_0) // 8,
            insns=_RETURN_0,
            license=b"GPL",
            expected_attach_type=attach_type,
            attach_btf_id=btf_id,
        ),
    )


def _btf_id(name: str, attach_type: int) -> int:
    """The number the kernel's BTF gives a function; OSError if it names none such."""
    library = libbpf.load_library()
    library.libbpf_set_print(libbpf.PRINT_CALLBACK())  # NULL: a miss is an answer, not a message
    number: int = library.libbpf_find_vmlinux_btf_id(name.encode(), attach_type)
    if number < 0:
        raise OSError(-number, os.strerror(-number))
    return number


def ring_buffer() -> Attempt:
    """A BPF ring buffer of one page."""
    return _attempt("bpf(2) BPF_MAP_TYPE_RINGBUF", _create_ring)


def fentry() -> Attempt:
    """A do-nothing fentry program on inet_listen, loaded and attached for a moment."""
    return _attempt("bpf(2) load and attach of fentry/inet_listen", _attach_fentry)


def lsm() -> Attempt:
    """A program for the security hook of listen, loaded and not attached."""
    return _attempt("bpf(2) load of lsm/socket_listen", _load_lsm)


def raw_tracepoint() -> Attempt:
    """A do-nothing program on the raw tracepoint inet_sock_set_state, attached for a moment."""
    return _attempt("bpf(2) BPF_RAW_TRACEPOINT_OPEN inet_sock_set_state", _open_raw_tracepoint)


def tracepoint(name: str) -> Attempt:
    """The number of a tracepoint ``group/event``, read from tracefs."""
    return _attempt(f"tracefs {name}/id", lambda: [_check(tracefs.event_id(name))])


def mptcp() -> Attempt:
    """An MPTCP socket, which needs no privilege."""
    return _attempt("socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP)", _open_mptcp)


def _attempt(what: str, action: object) -> Attempt:
    raise NotImplementedError
