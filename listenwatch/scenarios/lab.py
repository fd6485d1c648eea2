"""What a scenario may do. A Lab lives in the scenario's own process and network namespace.

A scenario sets the sysctls it depends on, makes sockets, and calls ``lab.listen``. It says what it
knows of the *other* sockets of its world (``port_free=False``: I built a conflict); what listen()
then does is for the model to say.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from fcntl import ioctl
from pathlib import Path
from select import poll
from struct import pack
from tempfile import TemporaryDirectory

from listenwatch.model.inputs import Door
from listenwatch.scenarios import libc, witness
from listenwatch.scenarios.journal import Issued, Journal, Measurement
from listenwatch.scenarios.kinds import Address, Kind

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1

DEFAULTS: dict[str, int | str] = {
    "net.core.somaxconn": 4096,
    "net.ipv4.ip_local_port_range": "32768 60999",
    "net.ipv4.tcp_abort_on_overflow": 0,
    "net.ipv4.tcp_fastopen": 1,
    "net.ipv4.tcp_max_syn_backlog": 1024,
    "net.ipv4.tcp_syncookies": 1,
}
"""The sysctls listen() can see, set in every new namespace so that the machine's own do not matter."""


class Skip(Exception):
    """This kernel cannot run the scenario; the message says why."""


_LABEL = Path("/proc/self/attr/current")


def refusal_unasked(label: Path = _LABEL) -> int | None:
    """What a security module answers where the scenario has set none up: 0 (it allows) or None (unknown).

    0 where none of the modules that refuse listen() by the label of a process has put one on this
    process: the file cannot be read, or says what AppArmor says of a process without a profile.
    """
    try:
        confined = label.read_bytes().rstrip(b"\0\n") not in (b"", b"unconfined")
    except OSError:
        return 0
    return None if confined else 0


class Lab:
    """A private network namespace with a loopback device, and the calls made in it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._kept: list[socket.socket] = []
        self._unasked = refusal_unasked()
        self.new_namespace()

    # -- the world

    def new_namespace(self) -> None:
        """Move this process into a fresh network namespace; sockets it has stay in theirs."""
        libc.unshare(libc.CLONE_NEWNET)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            ioctl(sock, _SIOCSIFFLAGS, pack("16sh14x", b"lo", _IFF_UP))
        for name, value in DEFAULTS.items():
            self.sysctl(name, value)

    def sysctl(self, name: str, value: int | str) -> None:
        """Set a sysctl of the current namespace, such as ``net.core.somaxconn``."""
        Path("/proc/sys", name.replace(".", "/")).write_text(str(value))

    def somaxconn(self, value: int) -> None:
        """Set net.core.somaxconn of the current namespace."""
        self.sysctl("net.core.somaxconn", value)

    # -- sockets

    def keep(self, sock: socket.socket) -> socket.socket:
        """Keep the socket open until the scenario ends."""
        self._kept.append(sock)
        return sock

    def unbound(self, kind: Kind) -> socket.socket:
        """A fresh socket."""
        return self.keep(kind.socket())

    def bound(
        self,
        kind: Kind,
        address: Address | None = None,
        *,
        reuseaddr: bool = False,
        reuseport: bool = False,
    ) -> socket.socket:
        """A fresh socket bound to ``address``, or to one of its own on the local host."""
        sock = self.unbound(kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuseaddr)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, reuseport)
        sock.bind(kind.address() if address is None else address)
        return sock

    def bound_to_path(self, kind: Kind) -> socket.socket:
        """A fresh AF_UNIX socket bound to a path, which is removed at once: no file stays behind."""
        with TemporaryDirectory() as folder:
            return self.bound(kind, f"{folder}/socket")

    def listener(self, kind: Kind, backlog: int = 8) -> socket.socket:
        """A bound socket that listens, with a call that is judged like any other."""
        sock = self.bound(kind)
        if self.listen(sock, backlog):
            raise RuntimeError(f"this scenario needs a {kind.name} listener and got none")
        return sock

    def connection(self, kind: Kind) -> tuple[socket.socket, socket.socket]:
        """Both ends of a connection: the one that connected and the accepted one."""
        server = self.listener(kind)
        client = self.connected_to(server, kind)
        return client, self.keep(server.accept()[0])

    def connected_to(self, server: socket.socket, kind: Kind) -> socket.socket:
        """A fresh socket connected to a listener, in whose accept queue it waits."""
        client = self.unbound(kind)
        client.connect(server.getsockname())
        return client

    def wait_for(self, sock: socket.socket, event: int) -> None:
        """Wait for a poll event; the runner's time limit ends a wait that is in vain."""
        waiting = poll()
        waiting.register(sock, event)
        waiting.poll()

    # -- the calls

    def listen(
        self,
        target: socket.socket | int,
        backlog: int,
        *,
        port_free: bool | None = True,
        refusal: int | None = None,
        door: Door = Door.SYSCALL,
        through: Callable[[int, int], int] = libc.listen,
        witnessed: bool = True,
    ) -> int:
        """Make one listen() and put it on record with what the second witness says; returns the errno.

        ``through`` makes the call and returns the errno, by the ``door`` named. A witness looks at
        every socket there is: a scenario with very many may go without.
        """
        fd = target if isinstance(target, int) else target.fileno()
        error = through(fd, backlog)
        reading = witness.read(fd) if witnessed and not error else None
        self._issued(
            Issued(threading.get_native_id(), fd, backlog, error, door, port_free, refusal, reading)
        )
        return error

    def _issued(self, call: Issued) -> None:
        refusal = self._unasked if call.refusal is None else call.refusal
        self._journal.issued(call._replace(refusal=refusal))

    def measured(self, sock: socket.socket, measurement: Measurement) -> None:
        """Put on record what a listener did under load, to be judged with its latest listen()."""
        self._journal.measured(sock.fileno(), measurement)

    def listen_in_kernel(self, make: Callable[[], int]) -> None:
        """Put on record a listen that ``make`` has the kernel do on its own; it returns the errno."""
        error = make()
        tid = threading.get_native_id()
        self._issued(Issued(tid, -1, None, error, Door.KERNEL))

    def listen_in_threads(self, calls: Sequence[tuple[socket.socket, Sequence[int]]]) -> None:
        """One thread for each socket, all starting at once, each listening with its backlogs in turn."""
        barrier = threading.Barrier(len(calls))
        done: list[list[Issued]] = [[] for _ in calls]

        def work(number: int) -> None:
            sock, backlogs = calls[number]
            fd, tid = sock.fileno(), threading.get_native_id()
            barrier.wait()
            for backlog in backlogs:
                done[number].append(Issued(tid, fd, backlog, libc.listen(fd, backlog)))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(len(calls))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for made in done:
            for call in made[:-1]:
                self._issued(call)
            last = made[-1]  # what the witness can see is what the last call left
            reading = None if last.error else witness.read(last.fd)
            self._issued(last._replace(reading=reading))

    def listen_in_program(self, sock: socket.socket, backlog: int) -> None:
        """One listen() by another program, which inherits the descriptor across fork() and execve()."""
        os.set_inheritable(sock.fileno(), True)
        code = f"import ctypes; r = ctypes.CDLL(None, use_errno=True).listen({sock.fileno()}, {backlog})"
        command = [
            sys.executable,
            "-S",
            "-c",
            f"{code}; raise SystemExit(r and ctypes.get_errno())",
        ]
        pid = os.posix_spawn(command[0], command, os.environ)
        error = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        reading = None if error else witness.read(sock.fileno())
        self._issued(Issued(pid, sock.fileno(), backlog, error, reading=reading))

    def in_child(self, action: Callable[[], object]) -> None:
        """Run ``action`` in a forked child, which shares every descriptor, and wait for it."""
        pid = os.fork()
        if not pid:
            try:
                libc.die_with_parent()
                action()
            except BaseException:
                self._journal.error(traceback.format_exc())
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
