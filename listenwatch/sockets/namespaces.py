"""Every network namespace this user may see: those processes live in and those mounted somewhere."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from listenwatch.scenarios import libc

_SO_NETNS_COOKIE = 71  # include/uapi/asm-generic/socket.h
_OWN = Path("/proc/thread-self/ns/net")
_LINK = re.compile(r"net:\[(\d+)\]")
_OCTAL = re.compile(r"\\([0-7]{3})")


class Namespace(NamedTuple):
    """A network namespace: its inode number, a path to enter it by, and the names it is mounted under."""

    inode: int
    path: Path
    names: tuple[str, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether it is the one this thread was in when it looked."""
        return self.path == _OWN


class Found(NamedTuple):
    """The namespaces, and how many processes could not be asked in which they live."""

    namespaces: list[Namespace]
    unreadable: int


def own_namespace() -> int:
    """The inode number of the network namespace this thread is in."""
    return os.stat(_OWN).st_ino  # noqa: PTH116  a magic link: what it names, not its path


def find_namespaces() -> Found:
    """This thread's own namespace first, then the others by inode number.

    A thread may live in another than its process, so every thread is asked, and which of them its
    descriptors hold open. One that only a socket in it keeps alive is not found.
    """
    paths: dict[int, Path] = {own_namespace(): _OWN}
    unreadable = 0
    for process in _numbered(Path("/proc")):
        try:
            for thread in _numbered(process / "task"):
                _note(paths, thread / "ns" / "net")
            for descriptor in _numbered(process / "fd"):
                _note(paths, descriptor)
        except PermissionError:
            unreadable += 1
        except OSError:  # it ended while we looked
            continue
    names: dict[int, list[str]] = {}
    for inode, path in _mounted(Path("/proc/self/mountinfo").read_text(errors="surrogateescape")):
        paths[inode] = path if inode not in paths or paths[inode] != _OWN else _OWN
        names.setdefault(inode, []).append(path.name)
    own, *others = paths
    order = [own, *sorted(others)]
    return Found([Namespace(i, paths[i], tuple(names.get(i, ()))) for i in order], unreadable)


def _note(paths: dict[int, Path], link: Path) -> None:
    """Add the namespace a link in /proc names, if it names one."""
    with contextlib.suppress(FileNotFoundError):  # closed, or ended, while we looked
        if found := _LINK.fullmatch(os.readlink(link)):  # noqa: PTH115  one for each descriptor there is
            paths.setdefault(int(found[1]), link)


@contextlib.contextmanager
def inside(namespace: Namespace) -> Iterator[None]:
    """This thread in that namespace for a while; OSError where it may not enter, or it is another by now."""
    if namespace.path == _OWN:
        yield
        return
    with _OWN.open("rb") as here, namespace.path.open("rb") as there:
        if os.fstat(there.fileno()).st_ino != namespace.inode:
            raise ProcessLookupError("its process ended, and another has the number now")
        libc.setns(there.fileno())
        try:
            yield
        finally:
            libc.setns(here.fileno())


def somaxconn() -> int | None:
    """net.core.somaxconn of the namespace this thread is in; None where it cannot be read."""
    try:
        return int(Path("/proc/sys/net/core/somaxconn").read_text())
    except OSError:  # a namespace has it of its own, and a container may hide /proc/sys
        return None


def cookie() -> int:
    """The cookie of the namespace this thread is in, which no other will have; 0 before v5.14."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            return int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8), "little")
        except OSError:
            return 0


def _numbered(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.isdecimal():
                yield Path(entry.path)


def _mounted(mountinfo: str) -> Iterator[tuple[int, Path]]:
    """The network namespaces bind mounted somewhere (``ip netns``, docker, podman): proc(5), mountinfo."""
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        found = _LINK.fullmatch(fields[3])
        if found and "nsfs" in fields[fields.index("-") :]:
            path = Path(_OCTAL.sub(lambda o: chr(int(o[1], 8)), fields[4]))
            with contextlib.suppress(OSError):  # mounted over, or not in our root
                if path.stat().st_ino == int(found[1]):
                    yield int(found[1]), path
