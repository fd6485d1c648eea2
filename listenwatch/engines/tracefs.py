"""Where a tracepoint's number is read: the mounted tracefs, else one mounted nowhere."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from listenwatch.errors import ObserveError

MOUNTED = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))

# asm-generic/unistd.h: the same numbers on every architecture since v5.2
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_FSOPEN_CLOEXEC = _FSMOUNT_CLOEXEC = 1
_FSCONFIG_CMD_CREATE = 6


def _detached_mount() -> int:
    """A descriptor of a tracefs that appears in no mount table and goes with its last descriptor."""
    libc = ctypes.CDLL(None, use_errno=True)
    context = libc.syscall(_FSOPEN, b"tracefs", _FSOPEN_CLOEXEC)
    if context < 0:
        raise OSError(ctypes.get_errno(), "fsopen tracefs")
    try:
        if libc.syscall(_FSCONFIG, context, _FSCONFIG_CMD_CREATE, None, None, 0) < 0:
            raise OSError(ctypes.get_errno(), "fsconfig tracefs")
        mount: int = libc.syscall(_FSMOUNT, context, _FSMOUNT_CLOEXEC, 0)
        if mount < 0:
            raise OSError(ctypes.get_errno(), "fsmount tracefs")
    finally:
        os.close(context)
    return mount


def read_event_file(name: str, file: str) -> str:
    """One file of an event's folder, such as ``id``; FileNotFoundError if the kernel lacks the event.

    Machines without a mounted tracefs (small guests, containers) are served from a mount of our
    own that is never attached to the file tree, so nothing is left behind.
    """
    path = f"events/{name}/{file}"
    for root in MOUNTED:
        try:
            if (root / "events").is_dir():
                return (root / path).read_text()
        except PermissionError as error:
            raise ObserveError(f"{root} cannot be read ({error.strerror}): run as root") from None
    try:
        mount = _detached_mount()
    except OSError as error:
        raise ObserveError(f"tracefs cannot be mounted ({error.strerror}): run as root") from None
    try:
        with os.fdopen(os.open(path, os.O_RDONLY, dir_fd=mount)) as stream:
            return stream.read()
    finally:
        os.close(mount)


def event_id(name: str) -> int:
    """The number perf knows the tracepoint ``group/event`` by."""
    return int(read_event_file(name, "id"))
