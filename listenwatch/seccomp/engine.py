"""The engine of attach mode seccomp: a thread that lets the calls of one command happen and keeps their records.

It is a thread of its own so that the command never waits for whoever reads our output.
"""

import os
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import Self

from listenwatch.bpf.loss import Loss
from listenwatch.bpf.programs import BpfProgram
from listenwatch.seccomp.call import handle
from listenwatch.seccomp.caretaker import leave_with_caretaker
from listenwatch.seccomp.filter import install
from listenwatch.seccomp.namespaces import Namespaces
from listenwatch.seccomp.notification import Notification, receive

_MSG_CMSG_CLOEXEC = 0x4000_0000  # include/linux/socket.h


class SeccompEngine:
    """Watches what goes through ``enter_child``; a context manager like ``Engine``, with the same members.

    No program is attached, and no stage is seen. A call is counted when it is taken from the kernel.
    """

    name = attach = "seccomp"
    programs: tuple[BpfProgram, ...] = ()
    hooks = 0
    is_behind = False

    def __init__(self, why: str, not_seen: Collection[int] = ()) -> None:
        self.why, self.not_seen = why, tuple(not_seen)
        self._ours, self._offered = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ready = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._stop = os.eventfd(0, os.EFD_CLOEXEC)
        self._listeners: set[int] = set()
        self._records: deque[bytes] = deque()
        self._calls = self._taken = 0
        self._namespaces = Namespaces()
        self.on_call: Callable[[int], None] | None = None
        """What is to look at the thread (its tid) of each call while it waits, from a thread of ours."""
        self._lock = threading.Lock()  # held from a call's arrival until its record is kept
        self._thread = threading.Thread(target=self._serve, name="listenwatch-seccomp", daemon=True)
        self._thread.start()

    def enter_child(self) -> None:
        """In a process that was forked from ours: put it and all it starts under the filter, and tell us of it."""
        listener = install()
        socket.send_fds(self._offered, [b"\0"], [listener])
        os.close(listener)

    # -- the thread

    def _serve(self) -> None:
        poll = select.poll()
        for descriptor in (self._ours.fileno(), self._stop):
            poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, events in poll.poll():
                if descriptor == self._stop:
                    return
                if descriptor == self._ours.fileno():
                    self._accept(poll)
                elif events & select.POLLIN:
                    self._take(descriptor)
                else:  # POLLHUP (5.9): nobody is under that filter any more
                    poll.unregister(descriptor)
                    self._listeners.discard(descriptor)
                    os.close(descriptor)

    def _accept(self, poll: select.poll) -> None:
        _, listeners, _, _ = socket.recv_fds(self._ours, 1, 1, _MSG_CMSG_CLOEXEC)
        for listener in listeners:
            self._listeners.add(listener)
            poll.register(listener, select.POLLIN)

    def _take(self, listener: int) -> None:
        with self._lock:
            notification = receive(listener)
            if notification is None:
                return
            record = self._handled(notification)
            if record is not None:
                self._calls += 1
                self._records.append(record)
        os.eventfd_write(self._ready, 1)

    def _handled(self, notification: Notification) -> bytes | None:
        """Its record. Whatever goes wrong, the thread that waits goes on; a call without a record is a lost one."""
        try:
            if self.on_call:
                self.on_call(notification.tid)
            return handle(notification, self._namespaces)
        except Exception:
            if notification.let_happen():
                self._calls += 1
            return None

    # -- reading

    def fileno(self) -> int:
        """A descriptor that polls readable when records wait."""
        return self._ready

    def patience(self) -> None:
        """As long as it takes: each record makes ``fileno`` readable."""

    def read(self, timeout: float | None = 0) -> list[bytes]:
        """The records that wait, after up to ``timeout`` seconds (None: as long as it takes)."""
        select.select([self._ready], [], [], timeout)
        try:
            os.eventfd_read(self._ready)
        except BlockingIOError:
            return []
        with self._lock:
            records, self._records = list(self._records), deque()
        self._taken += len(records)
        return records

    def drain(self, limit: float = 0) -> Iterator[list[bytes]]:
        """Every record of a call that returned before this one."""
        with self._lock:
            records, self._records = list(self._records), deque()
        self._taken += len(records)
        if records:
            yield records

    def sync(self) -> list[bytes]:
        """The same in one list."""
        return [record for batch in self.drain() for record in batch]

    def loss(self) -> Loss:
        """The calls that were taken from the kernel, and how many of them have a record."""
        with self._lock:
            return Loss(self._calls, self._taken + len(self._records))

    def skipped(self) -> int:
        """There is no program that the kernel could skip."""
        return 0

    # -- ending

    def detach(self) -> None:
        """``close`` does it."""

    def close(self) -> None:
        """Stop watching; safe to call twice. Processes that are under the filter still go on with a caretaker's help."""
        if self._thread.is_alive():
            os.eventfd_write(self._stop, 1)
            self._thread.join()
            leave_with_caretaker(self._listeners)
            self._namespaces.close()
            self._ours.close()
            self._offered.close()
            os.close(self._ready)
            os.close(self._stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
