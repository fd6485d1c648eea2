"""Where a tracepoint's number is read: the mounted tracefs, else one mounted nowhere."""

import os
from pathlib import Path

from listenwatch.errors import ObserveError
from listenwatch.linux import libc, privileges

MOUNTED = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))

# asm-generic/unistd.h: the same numbers on every architecture since v5.2
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_FSOPEN_CLOEXEC = _FSMOUNT_CLOEXEC = 1
_FSCONFIG_CMD_CREATE = 6


def _detached_mount() -> int:
    """A descriptor of a tracefs that appears in no mount table and goes with its last descriptor."""
    context = libc.syscall(_FSOPEN, b"tracefs", _FSOPEN_CLOEXEC, what="fsopen tracefs")
    try:
        create = _FSCONFIG, context, _FSCONFIG_CMD_CREATE, None, None, 0
        libc.syscall(*create, what="fsconfig tracefs")
        return libc.syscall(_FSMOUNT, context, _FSMOUNT_CLOEXEC, 0, what="fsmount tracefs")
    finally:
        os.close(context)


def read_event_file(name: str, file: str) -> str:
    """A file of an event's folder, of a mount of our own where none is; FileNotFoundError if there is no such event."""
    path = f"events/{name}/{file}"
    for root in MOUNTED:
        try:
            if (root / "events").is_dir():
                return (root / path).read_text()
        except PermissionError as error:
            then = privileges.remedy(privileges.to_attach()) or "the kernel refuses root too"
            raise ObserveError(f"{root} cannot be read ({error.strerror}): {then}") from None
    try:
        mount = _detached_mount()
    except OSError as error:
        raise ObserveError(
            f"tracefs cannot be mounted ({error.strerror}): run it as root, or have it mounted: "
            f"mount -t tracefs tracefs {MOUNTED[0]}"
        ) from None
    try:
        with os.fdopen(os.open(path, os.O_RDONLY, dir_fd=mount)) as stream:
            return stream.read()
    finally:
        os.close(mount)


def event_id(name: str) -> int:
    """The number perf knows the tracepoint ``group/event`` by."""
    return int(read_event_file(name, "id"))
