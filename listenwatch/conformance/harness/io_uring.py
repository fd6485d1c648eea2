"""listen() through io_uring: ``IORING_OP_LISTEN``, from Linux 6.11 on; and ``IORING_OP_CONNECT``, from 5.5 on."""

import ctypes
import mmap
import os
import struct

from listenwatch.conformance.harness.testbed import Testbed
from listenwatch.errors import Skip

# asm-generic/unistd.h: the same numbers on every architecture
_SETUP, _ENTER, _REGISTER = 425, 426, 427
# include/uapi/linux/io_uring.h
_OP_CONNECT, _OP_LISTEN = 16, 57
_ENTER_GETEVENTS = 1
_REGISTER_PROBE, _OP_SUPPORTED = 8, 1
_OFF_SQ_RING, _OFF_CQ_RING, _OFF_SQES = 0, 0x800_0000, 0x1000_0000
_SQE = struct.Struct("=BBHiQQIIQHHiQQ")
_PARAMS = struct.Struct("=10I 8IQ 8IQ")  # struct io_uring_params: 10 words, sq_off, cq_off

_libc = ctypes.CDLL(None, use_errno=True)


def _syscall(*arguments: object) -> int:
    result: int = _libc.syscall(*arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"io_uring: {os.strerror(error)}")
    return result


def listen(fd: int, backlog: int) -> int:
    """Submit one IORING_OP_LISTEN and wait for it; returns 0 or the errno. OSError without io_uring."""
    return _submit(_OP_LISTEN, fd, length=backlog & 0xFFFF_FFFF)  # io_listen_prep() wants every other field zero


def connect(fd: int, address: bytes) -> int:
    """The same with IORING_OP_CONNECT; ``address`` is a struct sockaddr."""
    sockaddr = ctypes.create_string_buffer(address, len(address))
    return _submit(_OP_CONNECT, fd, off=len(address), addr=ctypes.addressof(sockaddr))


def _submit(operation: int, fd: int, off: int = 0, addr: int = 0, length: int = 0) -> int:
    params = ctypes.create_string_buffer(_PARAMS.size)
    ring = _syscall(_SETUP, 1, params)
    try:
        fields = _PARAMS.unpack(params.raw)
        sq_tail, sq_array = fields[11], fields[16]
        cq_entries, cq_cqes = fields[1], fields[24]
        with (
            mmap.mmap(ring, sq_array + 4, offset=_OFF_SQ_RING) as sq,
            mmap.mmap(ring, cq_cqes + 16 * cq_entries, offset=_OFF_CQ_RING) as cq,
            mmap.mmap(ring, _SQE.size, offset=_OFF_SQES) as sqes,
        ):
            sqes[:] = _SQE.pack(operation, 0, 0, fd, off, addr, length, *[0] * 7)
            sq[sq_array : sq_array + 4] = struct.pack("=I", 0)
            sq[sq_tail : sq_tail + 4] = struct.pack("=I", 1)
            _syscall(_ENTER, ring, 1, 1, _ENTER_GETEVENTS, None, 0)
            result: int = struct.unpack_from("=Qi", cq, cq_cqes)[1]
            return -result
    finally:
        os.close(ring)


def check(_testbed: Testbed) -> None:
    """Raises Skip where io_uring is off or too old to listen: asks it which operations it has."""
    params = ctypes.create_string_buffer(_PARAMS.size)
    try:
        ring = _syscall(_SETUP, 1, params)
    except OSError as error:
        raise Skip(error.strerror) from None
    answer = ctypes.create_string_buffer(16 + 8 * 256)
    _syscall(_REGISTER, ring, _REGISTER_PROBE, answer, 256)
    os.close(ring)
    flags = struct.unpack_from("=H", answer.raw, 16 + 8 * _OP_LISTEN + 2)[0]
    if answer.raw[0] < _OP_LISTEN or not flags & _OP_SUPPORTED:
        raise Skip("this io_uring has no IORING_OP_LISTEN")
