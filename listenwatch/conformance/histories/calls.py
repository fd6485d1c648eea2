"""What each operation of a history does. Stand-alone: a reproduction is made of this file's own text.

Uses nothing but the standard library. ``sockets`` is the program's table of descriptors. A function
raises one of REFUSALS where it cannot be done, which a program takes as it comes; ``listen`` returns
the descriptor and the errno.
"""

import contextlib
import ctypes
import fcntl
import os
import select
import socket
import struct
from pathlib import Path
from typing import Any

libc = ctypes.CDLL(None, use_errno=True)
sockets: dict[int, Any] = {}
namespaces: list[int] = []

REFUSALS = (OSError, KeyError, AttributeError, TypeError)
"""No, by the kernel; no such socket; no socket at all; an address of another family."""


def new_namespace() -> int:
    """A fresh network namespace with a loopback device that is up, as a descriptor; this thread is in it."""
    if libc.unshare(0x4000_0000):  # CLONE_NEWNET
        raise OSError(ctypes.get_errno(), "unshare: it needs root")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def namespace(_slot: int, number: int) -> None:
    """setns(2): sockets opened from now on by this thread are in the other namespace."""
    if libc.setns(namespaces[number], 0x4000_0000):
        raise OSError(ctypes.get_errno(), "setns")


def sysctl(_slot: int, name: str, value: str) -> None:
    """Set a sysctl of the namespace this thread is in."""
    Path("/proc/sys", name.replace(".", "/")).write_text(value)


def open_socket(slot: int, family: int, kind: int, protocol: int) -> None:
    """socket(2)."""
    sockets[slot] = socket.socket(family, kind, protocol)


def open_file(slot: int) -> None:
    """A descriptor that is no socket."""
    sockets[slot] = open("/dev/null")  # noqa: PTH123, SIM115


def option(slot: int, level: int, name: int, value: int) -> None:
    """setsockopt(2)."""
    sockets[slot].setsockopt(level, name, value)


def device(slot: int, name: str) -> None:
    """SO_BINDTODEVICE; no name takes it back."""
    sockets[slot].setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode() + b"\0")


def bind(slot: int, host: str, port: int) -> None:
    """bind(2) to an internet address."""
    sockets[slot].bind((host, port))


def bind_unix(slot: int, name: str) -> None:
    """bind(2) to an abstract name; no name has the kernel choose one."""
    sockets[slot].bind(f"\0{name}" if name else "")


def listen(slot: int, backlog: int, nobody: int = -1) -> tuple[int, int]:
    """listen(2) as a C program makes it; returns the descriptor and 0 or the errno."""
    fd = sockets[slot].fileno() if slot in sockets else nobody
    failed = libc.listen(fd, ctypes.c_int(backlog))
    return fd, ctypes.get_errno() if failed else 0


def connect(slot: int, target: int, wait: int) -> None:
    """connect(2) to where another socket of the program is bound."""
    address = sockets[target].getsockname()
    if isinstance(address, tuple) and sockets[slot].family == socket.AF_INET6:
        host = str(address[0])
        address = (host if ":" in host else f"::ffff:{host}", address[1])
    _connect(slot, address, wait)


def connect_port(slot: int, host: str, port: int, wait: int) -> None:
    """connect(2) to an address, whoever is there."""
    _connect(slot, (host, port), wait)


def _connect(slot: int, address: Any, wait: int) -> None:
    """Waits for the answer a little while only: a full queue gives none."""
    sock = sockets[slot]
    sock.setblocking(False)
    try:
        sock.connect(address)
    except BlockingIOError:
        if not wait:
            raise
        answer = select.poll()
        answer.register(sock, select.POLLOUT)
        answer.poll(5)  # milliseconds
        sock.connect(address)


def disconnect(slot: int) -> None:
    """connect(2) to AF_UNSPEC: dissolves a connection or ends a listener."""
    if libc.connect(sockets[slot].fileno(), b"\0" * 16, 16):
        raise OSError(ctypes.get_errno(), "connect(AF_UNSPEC)")


def accept(slot: int, new: int) -> None:
    """accept(2), if somebody waits."""
    sockets[slot].setblocking(False)
    sockets[new] = sockets[slot].accept()[0]


def shutdown(slot: int, how: int) -> None:
    """shutdown(2)."""
    sockets[slot].shutdown(how)


def close(slot: int) -> None:
    """close(2)."""
    sockets.pop(slot).close()


def reset(slot: int) -> None:
    """close(2) so that nothing is left of a connection: the peer is sent a reset."""
    sock = sockets.pop(slot)
    with contextlib.suppress(AttributeError, OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def duplicate(slot: int, new: int) -> None:
    """dup(2)."""
    sockets[new] = sockets[slot].dup()
