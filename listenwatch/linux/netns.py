"""Network namespaces: make one, enter one, and list those that processes live in or that are mounted."""

import contextlib
import os
import re
import socket
import struct
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path
from typing import IO, NamedTuple

from listenwatch.errors import UsageError
from listenwatch.linux import libc

SO_NETNS_COOKIE = 71  # include/uapi/asm-generic/socket.h
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1  # include/uapi/linux/sockios.h, if.h
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


class Namespaces(NamedTuple):
    """The namespaces, and how many processes there are whose namespaces this user may not read."""

    namespaces: list[Namespace]
    unreadable: int


def own_namespace() -> int:
    """The inode number of the network namespace this thread is in."""
    return os.stat(_OWN).st_ino  # noqa: PTH116  a magic link: what it names, not its path


def inode_of(text: str) -> int:
    """The inode number of a namespace given by number, by a name of ``ip netns``, or by path."""
    if number := re.fullmatch(r"(?:net:\[)?(\d+)\]?", text, re.ASCII):
        return int(number[1])
    path = Path(text) if "/" in text else Path("/run/netns") / text
    try:
        status = path.stat()
        if status.st_dev == _OWN.stat().st_dev:
            return status.st_ino
        why = "not a namespace"
    except OSError as error:
        why = str(error.strerror)
    raise UsageError(
        f"no network namespace {text!r} ({path}: {why}): give its inode number, "
        "a name 'ip netns' lists, or a path such as /proc/PID/ns/net"
    )


def find_namespaces() -> Namespaces:
    """This thread's own namespace first, then the others by inode number.

    A thread may live in another than its process, so every thread is asked, and which of them its
    descriptors hold open. One that only a socket in it keeps alive is not found.
    """
    paths: dict[int, Path] = {own_namespace(): _OWN}
    unreadable = 0
    for process in _numbered("/proc"):
        try:
            for thread in _numbered(f"{process}/task"):
                _note(paths, f"{thread}/ns/net")
            for descriptor in _numbered(f"{process}/fd"):
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
    return Namespaces([Namespace(i, paths[i], tuple(names.get(i, ()))) for i in order], unreadable)


def _note(paths: dict[int, Path], link: str) -> None:
    """Add the namespace a link in /proc names, if it names one. No Path but for that: every descriptor there is comes here."""
    with contextlib.suppress(FileNotFoundError):  # closed, or ended, while we looked
        if match := _LINK.fullmatch(os.readlink(link)):  # noqa: PTH115
            paths.setdefault(int(match[1]), Path(link))


def new_namespace() -> None:
    """Move this thread into a fresh network namespace whose loopback device is up; OSError without privilege."""
    libc.unshare(libc.CLONE_NEWNET)
    set_up("lo")


def new_user_namespace() -> None:
    """Move this process into a fresh user namespace, whose root it is; OSError where that is not allowed."""
    uid, gid = os.geteuid(), os.getegid()
    libc.unshare(libc.CLONE_NEWUSER)
    for file, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        Path("/proc/self", file).write_text(text)


def set_up(device: str) -> None:
    """Bring a network device of this namespace up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh22x", device.encode(), _IFF_UP))


def sysctl(name: str) -> int:
    """A sysctl of this namespace, such as ``net.core.somaxconn``."""
    return int(_sysctl_file(name).read_text())


def set_sysctl(name: str, value: int | str) -> None:
    """Set a sysctl of this namespace."""
    _sysctl_file(name).write_text(str(value))


def _sysctl_file(name: str) -> Path:
    return Path("/proc/sys", name.replace(".", "/"))


@contextlib.contextmanager
def entered(namespace: IO[bytes]) -> Iterator[None]:
    """This thread in the network namespace that an open file names, for a while; OSError where it may not."""
    with _OWN.open("rb") as own:
        libc.setns(namespace.fileno())
        try:
            yield
        finally:
            libc.setns(own.fileno())


@contextlib.contextmanager
def inside(namespace: Namespace) -> Iterator[None]:
    """This thread in that namespace for a while; OSError where it may not enter, or it is another by now."""
    if namespace.path == _OWN:
        yield
        return
    with namespace.path.open("rb") as link:
        if os.fstat(link.fileno()).st_ino != namespace.inode:
            raise ProcessLookupError("its process ended, and another has the number now")
        with entered(link):
            yield


def somaxconn() -> int | None:
    """net.core.somaxconn of the namespace this thread is in; None where it cannot be read."""
    try:
        return sysctl("net.core.somaxconn")
    except OSError:  # a namespace has it of its own, and a container may hide /proc/sys
        return None


def cookie() -> int:
    """The cookie of the namespace this thread is in, which no other will have; 0 before v5.14."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            return int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8), "little")
        except OSError:
            return 0


def _numbered(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.isdecimal():
                yield entry.path


def _mounted(mountinfo: str) -> Iterator[tuple[int, Path]]:
    """The network namespaces bind mounted somewhere (``ip netns``, docker, podman): proc(5), mountinfo."""
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        match = _LINK.fullmatch(fields[3])
        if match and "nsfs" in fields[fields.index("-") :]:
            path = Path(_OCTAL.sub(lambda o: chr(int(o[1], 8)), fields[4]))
            with contextlib.suppress(OSError):  # mounted over, or not in our root
                if path.stat().st_ino == int(match[1]):
                    yield int(match[1]), path
