"""The folders of running guests in the cache: each is locked by its owner, and removed by the next start if that was killed."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from listenwatch.guests.cache import cache_directory, lock

PREFIX = "run-"


@contextlib.contextmanager
def own_folder() -> Iterator[str]:
    """A folder for one guest, removed at the end; those whose owners are dead are removed first."""
    with contextlib.ExitStack() as stack:
        with lock():  # between its making and its locking a folder has no owner
            _remove_stale()
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX, dir=cache_directory()))
            descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # until we end, however we end
        yield name


def _remove_stale() -> None:
    for folder in cache_directory().glob(f"{PREFIX}*"):
        if _is_ownerless(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_ownerless(folder: Path) -> bool:
    """Whether nobody holds its lock: the kernel drops it with the owner."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # its owner has just removed it
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
