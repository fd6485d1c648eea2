"""The few calls a scenario makes through libc itself, where Python has no such call or changes its arguments.

``socket.listen`` of CPython turns a negative backlog into 0 before the kernel sees it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x0002_0000, 0x1000_0000, 0x4000_0000
_PR_SET_PDEATHSIG, _SIGKILL = 1, 9
_O_NONBLOCK = 0o4000
_ADDRESS_ROOM = 128  # sizeof(struct sockaddr_storage)
_DELETE_MODULE = {"x86_64": 176, "aarch64": 106, "riscv64": 106}

_libc = ctypes.CDLL(None, use_errno=True)


def listen(fd: int, backlog: int) -> int:
    """listen(2) as a C program makes it; returns 0 or the errno."""
    return ctypes.get_errno() if _libc.listen(fd, ctypes.c_int(backlog)) else 0


def _check(result: int, what: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


def unshare(flags: int) -> None:
    """unshare(2); OSError without CAP_SYS_ADMIN."""
    _check(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int = CLONE_NEWNET) -> None:
    """setns(2): move this thread into the namespace behind ``fd``, by default one of the network."""
    _check(_libc.setns(fd, kind), "setns")


def prctl(option: int, argument: int) -> None:
    """prctl(2) with one argument."""
    _check(_libc.prctl(option, argument, 0, 0, 0), "prctl")


def syscall(number: int, *arguments: object, what: str = "") -> int:
    """A system call libc has no function for; OSError, which says ``what`` was called, where it fails."""
    return _check(_libc.syscall(number, *arguments), what or f"system call {number}")


def capset(header: object, data: object) -> None:
    """capset(2): the capabilities of this thread."""
    _check(_libc.capset(header, data), "capset")


def die_with_parent() -> None:
    """prctl(PR_SET_PDEATHSIG): the kernel kills this process when its parent ends, however that ends."""
    prctl(_PR_SET_PDEATHSIG, _SIGKILL)


def disconnect(sock: socket.socket) -> None:
    """connect(2) to AF_UNSPEC, which dissolves a connection or ends a listener."""
    _check(_libc.connect(sock.fileno(), b"\0" * 16, 16), "connect(AF_UNSPEC)")


def local_name(fd: int) -> bytes:
    """getsockname(2): the kernel's own bytes, family first."""
    return _name(_libc.getsockname, fd)


def peer_name(fd: int) -> bytes:
    """getpeername(2), the same; OSError for a socket without a peer."""
    return _name(_libc.getpeername, fd)


def getsockopt(fd: int, level: int, option: int, value: bytes) -> bytes:
    """getsockopt(2) of an option that reads what it is given before it answers."""
    buffer, length = ctypes.create_string_buffer(value, len(value)), ctypes.c_uint32(len(value))
    _check(_libc.getsockopt(fd, level, option, buffer, ctypes.byref(length)), "getsockopt")
    return buffer.raw


def _name(function: Callable[..., int], fd: int) -> bytes:
    buffer, length = ctypes.create_string_buffer(_ADDRESS_ROOM), ctypes.c_uint32(_ADDRESS_ROOM)
    _check(function(fd, buffer, ctypes.byref(length)), "the address of a socket")
    return buffer.raw[: length.value]


def mount(kind: bytes, target: bytes) -> None:
    """mount(2) of a file system that has no device, such as securityfs."""
    _check(_libc.mount(kind, target, kind, 0, None), "mount")


def make_mounts_private() -> None:
    """What this mount namespace mounts from now on stays in it (MS_PRIVATE | MS_REC on /)."""
    _check(_libc.mount(None, b"/", None, 0x4_4000, None), "mount --make-rprivate")


def delete_module(name: str) -> bool:
    """delete_module(2), only if nobody uses the module; False if it stays."""
    number = _DELETE_MODULE.get(os.uname().machine)
    return number is not None and _libc.syscall(number, name.encode(), _O_NONBLOCK) == 0
