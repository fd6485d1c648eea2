"""How listenwatch.pyz starts: it unpacks the program once, and runs it from there. In the file it is beside __main__.py.

A compiled module and the BPF objects have to be files. They go into the user's cache, which the next start finds; where
there is none that is this user's own (no home, a read-only one, another's), into a folder below TMPDIR, removed at the
end. Each process holds a lock (flock(2)) on the folder it runs from: what nobody holds, of another version or left by a
process that was killed, is removed by the next start that unpacks.
"""

import fcntl
import os
import sys
from pathlib import Path

PREFIX = "program-"
NOT_STARTED = 3
"""The exit status."""
SETTLING = 60
"""Seconds that a folder may be without the lock of who makes it."""


def main(build: str) -> int:
    """Run the program that ``build`` names; returns its exit status, for what stops it before its start too."""
    try:
        return _run(build)
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # the program's own errors it reports itself
        sys.stderr.write(f"listenwatch: cannot start: {error}\n")
        return NOT_STARTED


def _run(build: str) -> int:
    try:
        place = cached(build)
    except (OSError, RuntimeError):  # the latter of a user without a home
        place = None
    passing = temporary() if place is None else None
    tree = place or passing
    assert tree is not None
    sys.path[:1] = [str(tree / os.uname().machine), str(tree / "all")]
    owner = os.getpid()
    try:
        from listenwatch.__main__ import main as program

        return program()
    finally:
        if passing is not None and os.getpid() == owner:
            _remove(passing)


# ---- a folder that stays -----------------------------------------------------------------------


def cached(build: str) -> Path | None:
    """The program's folder in the cache; None, or an OSError, where there can be none."""
    parent = cache()
    if parent is None:
        return None
    place = parent / f"{PREFIX}{build}"
    lock = hold(parent, fcntl.LOCK_EX)  # another start waits until it is unpacked
    try:
        if not place.is_dir():
            remove_unused(parent, PREFIX)
            part = _unpacked(parent, PREFIX)
            part.rename(place)
        hold(place, fcntl.LOCK_SH)
    finally:
        os.close(lock)
    return place


def cache() -> Path | None:
    """Where programs are kept in the user's cache, made if need be; None where it would not be this user's alone."""
    given = os.environ.get("XDG_CACHE_HOME")
    if not given and not Path.home().is_dir():
        return None
    base = Path(given) if given else Path.home() / ".cache"
    place = base / "listenwatch"
    if not place.is_absolute():
        return None
    base.mkdir(0o700, parents=True, exist_ok=True)
    place.mkdir(0o700, exist_ok=True)
    return place if is_own(base) and is_own(place) else None


def is_own(folder: Path) -> bool:
    """Whether only this user can change what is in it."""
    status = folder.stat()
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


# ---- a folder for this process -----------------------------------------------------------------


def temporary() -> Path:
    """A folder of this process alone, with the program in it."""
    import tempfile

    sys.dont_write_bytecode = True
    parent, prefix = Path(tempfile.gettempdir()), f"listenwatch-{os.geteuid()}-"
    remove_unused(parent, prefix)
    return _unpacked(parent, prefix)


# ---- both --------------------------------------------------------------------------------------


def hold(folder: Path, how: int) -> int:
    """Lock a folder until this process ends; the descriptor. OSError where another has a lock that forbids it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, how)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def remove_unused(parent: Path, prefix: str) -> None:
    """Remove this user's folders of that name which nobody holds, unless they were made just now."""
    import time

    for folder in parent.glob(f"{prefix}*"):
        try:
            if is_own(folder) and time.time() - folder.stat().st_mtime > SETTLING:
                descriptor = hold(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
                os.close(descriptor)
        except OSError:  # held, or gone
            continue


def _unpacked(parent: Path, prefix: str) -> Path:
    """A new folder, held, with what this machine needs of the file that runs."""
    import tempfile
    import zipfile

    place = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    wanted = ("all/", f"{os.uname().machine}/")
    try:
        hold(place, fcntl.LOCK_SH)
        with zipfile.ZipFile(sys.path[0]) as archive:
            archive.extractall(place, [name for name in archive.namelist() if name.startswith(wanted)])
    except BaseException:
        _remove(place)
        raise
    return place


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
