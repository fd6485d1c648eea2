"""Our marker: a listen() that our programs know for ours, and that tells them whom we follow."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from listenwatch.errors import ObserveError
from listenwatch.linux import libc

FD = -1 - (int.from_bytes(os.urandom(4)) >> 1)
"""A number no descriptor has, drawn anew in each process, as is ``BACKLOG``: nobody else can know them."""
BACKLOG = int.from_bytes(os.urandom(4)) - (1 << 31)

PATIENCE = 5.0
"""Seconds to wait for a marker. The kernel leaves out a program while another one runs on that processor."""

_PID_NAMESPACE = Path("/proc/self/ns/pid")


class Sender(NamedTuple):
    """This process, as a program in the kernel can know it: by its number in its own pid namespace."""

    device: int
    inode: int
    tgid: int


def sender() -> Sender:
    """This process; ObserveError where its pid namespace cannot be looked up."""
    try:
        namespace = _PID_NAMESPACE.stat()
    except OSError as error:
        raise ObserveError(f"{_PID_NAMESPACE} cannot be read ({error.strerror}): mount /proc") from None
    device = os.major(namespace.st_dev) << 20 | os.minor(namespace.st_dev)  # MKDEV, include/linux/kdev_t.h
    return Sender(device, namespace.st_ino, os.getpid())


_sent = 0


def sent() -> int:
    """How many markers this process has sent so far: every engine of this process gets each of them."""
    return _sent


def send(received: Callable[[], int]) -> None:
    """Send markers until one more is ``received``. ObserveError where listen() is answered by somebody else.

    What the kernel answers to one that it got is no matter here: verify is to say so, also where it is wrong.
    """
    global _sent
    before, deadline = received(), time.monotonic() + PATIENCE
    while True:
        error = libc.listen(FD, BACKLOG)
        _sent += 1
        if received() > before:
            return
        if error != errno.EBADF:
            answer = errno.errorcode.get(error, str(error)) if error else "0"
            raise ObserveError(
                f"listen() on a number that is no descriptor ended with {answer}, not EBADF: a seccomp filter "
                "answers in the kernel's place; run listenwatch outside of it"
            )
        if time.monotonic() > deadline:
            raise ObserveError(
                f"the probes saw no listen() of this process for {PATIENCE:.0f} s: a seccomp filter answers "
                "in the kernel's place, or the programs were detached; run listenwatch outside of it"
            )
        time.sleep(0.001)  # lets what holds the processor's BPF programs end
