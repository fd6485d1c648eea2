"""Opens a file to write it, also as root in a folder where others may plant links."""

import errno
import os
import stat
from contextlib import suppress
from functools import partial
from pathlib import Path

_MOST_LINKS = 40  # MAXSYMLINKS, include/linux/namei.h
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


class NotFollowed(OSError):
    """Somebody else may have made this link or file: ``strerror`` says so, and what to do."""


def open_to_write(path: str | Path, flags: int, mode: int = 0o666) -> int:
    """An ``opener`` for open(): no symbolic link is followed in a folder that everybody may write to.

    Every component of the path counts, and the links that links lead to; in such a folder a file of
    another user, or with a second name, is not written either. It is the rule of
    fs.protected_symlinks, protected_regular and protected_hardlinks (Documentation/admin-guide/sysctl/fs.rst),
    whose values here are not relied on, without its exceptions. OSError as open(2), or NotFollowed.
    """
    names, links = [os.fspath(path)], 0
    if names[0].endswith("/"):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    folder = os.open(".", _FOLDER)
    try:
        while True:
            names[:1] = _components(names[0])
            if not names:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            name, follow = names.pop(0), 0
            target = _link_target(name, folder)
            if target is None:
                follow = os.O_NOFOLLOW
            elif not _in_proc(folder):  # whose links name open files, not paths
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                names.insert(0, target)
                continue
            if not names:
                return _open_last(name, flags | follow, mode, folder)
            inner = os.open(name, _FOLDER | follow, dir_fd=folder)
            os.close(folder)
            folder = inner
    finally:
        os.close(folder)


private = partial(open_to_write, mode=0o600)
"""The same for a file that is made for its owner only."""


def write_file(path: Path, content: bytes) -> None:
    """Make or replace a file; OSError as ``open_to_write``."""
    with open(path, "wb", opener=open_to_write) as stream:
        stream.write(content)


def _components(path: str) -> list[str]:
    """The parts of a path; the first of an absolute one is the root."""
    return ["/"] * path.startswith("/") + [part for part in path.split("/") if part not in ("", ".")]


def _link_target(name: str, folder: int) -> str | None:
    """What a symbolic link says; None for anything else, NotFollowed where everybody may make one."""
    try:
        target = os.readlink(name, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return None
        raise
    if _is_shared(folder):
        raise NotFollowed(
            errno.ELOOP, "a symbolic link in a folder that everybody may write to is not followed: name the file itself"
        )
    return target


def _open_last(name: str, flags: int, mode: int, folder: int) -> int:
    try:
        descriptor = os.open(name, flags & ~os.O_TRUNC, mode, dir_fd=folder)
    except PermissionError:  # of fs.protected_regular, which root meets too
        with suppress(FileNotFoundError):
            _refuse_anothers(os.stat(name, dir_fd=folder, follow_symlinks=False), folder)
        raise
    try:
        status = os.fstat(descriptor)
        _refuse_anothers(status, folder)
        if stat.S_ISREG(status.st_mode) and flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _is_shared(folder: int) -> bool:
    return bool(os.fstat(folder).st_mode & stat.S_IWOTH)


def _in_proc(folder: int) -> bool:
    return os.fstat(folder).st_dev == Path("/proc").stat().st_dev


def _refuse_anothers(status: os.stat_result, folder: int) -> None:
    is_ours = status.st_uid == os.geteuid() and status.st_nlink == 1
    if stat.S_ISREG(status.st_mode) and _is_shared(folder) and not is_ours:
        raise NotFollowed(
            errno.EACCES, "another user's file in a folder that everybody may write to: choose another name"
        )
