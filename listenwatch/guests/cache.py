"""Where everything about guests is kept, and who may change it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from listenwatch.guests.architectures import Architecture


def cache_directory() -> Path:
    """Where everything about guests is kept (``$XDG_CACHE_HOME`` or ``~/.cache``)."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).expanduser().resolve() / "listenwatch"


def place_of(architecture: Architecture) -> Path:
    """Where what belongs to one architecture is kept: of another than this machine's in a folder of its name."""
    return cache_directory() if architecture.is_own else cache_directory() / architecture.name


@contextmanager
def lock() -> Iterator[None]:
    """One process at a time changes the cache; the kernel drops the lock if that one dies."""
    cache_directory().mkdir(parents=True, exist_ok=True)
    with (cache_directory() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
