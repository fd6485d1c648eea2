"""One call that waits: looked at, made, looked at again, answered, and written down as the probe would."""

import fcntl
import os
import socket
import stat
import time
from typing import Any

from listenwatch.call.layout import LISTEN_EVENT, WIRE_VERSION, compiled
from listenwatch.call.record import Flag
from listenwatch.linux import libc
from listenwatch.model.inputs import EntryPath, Environment, Family, Socket
from listenwatch.seccomp import caller as calling
from listenwatch.seccomp.caller import Asked, Caller
from listenwatch.seccomp.looking import look_at
from listenwatch.seccomp.namespaces import Namespace, Namespaces
from listenwatch.seccomp.notification import Notification

_WIRE, _PLACES = compiled(LISTEN_EVENT)
_SO_COOKIE = 57  # include/uapi/asm-generic/socket.h
_O_PATH = 0o10000000

Members = dict[str, Any]
"""Members of the record (call/layout.py) by their paths; those that are left out are 0."""


def handle(notification: Notification, namespaces: Namespaces) -> bytes | None:
    """Let a call happen, and return its record; None where its thread has gone before it did.

    OSError and ValueError where not even what was asked for could be read; then the call waits still.
    """
    begun, machine = time.monotonic_ns(), os.uname().machine
    caller = calling.caller_of(notification.tid)
    arguments = calling.asked(notification, machine)
    native = calling.is_native(notification, machine)
    made = _make(notification, caller, arguments, namespaces)
    if made is None:
        return None
    return _packed({
        "version": WIRE_VERSION, "size": _WIRE.size, "time_ns": begun, "repeats": 1, **caller._asdict(), **arguments._asdict(),
        "entry_path": EntryPath.SYSCALL if native else EntryPath.COMPAT, "address": b"", **made,
        "flags": Flag.FOLLOWED | made.get("flags", 0), "duration_ns": time.monotonic_ns() - begun,
    })  # fmt: skip


def _let_happen(notification: Notification) -> Members | None:
    """Of a call that we cannot make nothing more is known, not even how it ended."""
    return {} if notification.let_happen() else None


def _make(notification: Notification, caller: Caller, asked: Asked, namespaces: Namespaces) -> Members | None:
    """Make the call on a descriptor of our own for the same open file, and answer with what came of it."""
    descriptor = calling.duplicate(caller, asked.fd) if calling.has_our_label(caller.tid) else None
    if descriptor is None:
        return _let_happen(notification)
    try:
        if _is_path(descriptor) or not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return _call_on_file(notification, descriptor, asked)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, fileno=os.dup(descriptor)) as sock:
            return _call_on_socket(notification, caller, sock, asked, namespaces)
    finally:
        os.close(descriptor)


def _call_on_file(notification: Notification, descriptor: int, asked: Asked) -> Members | None:
    """A file that is no socket; one that was opened with O_PATH counts as none."""
    flags = 0 if _is_path(descriptor) else Flag.FILE
    if not notification.is_valid():
        return None
    error = libc.listen(descriptor, asked.backlog)
    returned = Flag.RETURNED if notification.answer(error) else 0
    return {"result": -error, "flags": flags | returned}


def _is_path(descriptor: int) -> bool:
    return bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & _O_PATH)


def _call_on_socket(
    notification: Notification, caller: Caller, sock: socket.socket, asked: Asked, namespaces: Namespaces
) -> Members | None:
    """Look, listen, look again.

    The call of an AF_UNIX socket is made twice: by us to see its result, and then by the caller, whose credentials
    SO_PEERCRED of a client shows from then on.
    """
    namespace = namespaces.of(sock, caller.tid)
    before = namespace.environment() if namespace else None
    pre = look_at(sock, namespace)
    if not notification.is_valid():
        return None
    error = libc.listen(sock.fileno(), asked.backlog)
    after = namespace.environment() if namespace else None
    post = look_at(sock, namespace)
    is_unix = pre.socket.family == Family.UNIX
    answered = notification.let_happen() if is_unix else notification.answer(error)
    flags = Flag.FILE | Flag.SOCKET | Flag.SHARED_FILE | (Flag.RETURNED if answered else 0)
    return {
        **_of_environment(before, after, flags), **_of_namespace(namespace),
        **_of_socket("pre", pre.socket), **_of_socket("post", post.socket),
        "result": -error, "address": post.address, "address_len": len(post.address),
        "socket_cookie": int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, 8), "little"),
    }


def _of_socket(place: str, sock: Socket) -> Members:
    return {f"{place}.{name}": value for name, value in sock._asdict().items()}


def _of_namespace(namespace: Namespace | None) -> Members:
    return {"netns_inode": namespace.inode, "netns_cookie": namespace.cookie} if namespace else {}


def _of_environment(before: Environment | None, after: Environment | None, flags: int) -> Members:
    """The sysctls, and the flags with what is to be said of them."""
    if before is None or after is None:
        return {"flags": flags | Flag.SYSCTLS_UNSEEN}
    if before.somaxconn != after.somaxconn:
        flags |= Flag.SOMAXCONN_MOVES
    return {**before._asdict(), "somaxconn_after": after.somaxconn, "flags": flags}


def _packed(members: Members) -> bytes:
    values: list[Any] = [0] * len(_PLACES)
    for name, value in members.items():
        values[_PLACES[name]] = value
    return _WIRE.pack(*values)
