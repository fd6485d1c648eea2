"""Where everything about guests is kept, and who may change it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from listenwatch.errors import GuestError
from listenwatch.guests.architectures import Architecture
from listenwatch.linux.person import folder_of_ours


def cache_directory() -> Path:
    """Where everything about guests is kept (``$XDG_CACHE_HOME`` or ``~/.cache``); GuestError if it may not be looked at."""
    directory = folder_of_ours("XDG_CACHE_HOME", ".cache").resolve() / "listenwatch"
    try:
        directory.exists()
    except OSError as error:
        raise _unusable(directory, "looked at", error) from None
    return directory


def _unusable(directory: Path, purpose: str, error: OSError) -> GuestError:
    return GuestError(f"{directory} cannot be {purpose} ({error.strerror}): set XDG_CACHE_HOME to a folder of yours")


def place_of(architecture: Architecture) -> Path:
    """Where what belongs to one architecture is kept: of another than this machine's in a folder of its name."""
    return cache_directory() if architecture.is_own else cache_directory() / architecture.name


@contextmanager
def lock() -> Iterator[None]:
    """One process at a time changes the cache; the kernel drops the lock if that one dies."""
    directory = cache_directory()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "lock").open("w")
    except OSError as error:
        raise _unusable(directory, "written", error) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
