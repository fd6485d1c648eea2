"""What a scenario may do. A Testbed lives in the scenario's own process and network namespace.

A scenario sets the sysctls it depends on, makes sockets, and calls ``testbed.listen``. It says what it
knows of the *other* sockets there are (``port_free=False``: it made a conflict); what listen()
then does is for the model to say.
"""

import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from select import poll
from tempfile import TemporaryDirectory

from listenwatch.conformance.harness import witness
from listenwatch.conformance.harness.journal import Issued, Journal, Measurement
from listenwatch.conformance.harness.socket_kinds import IPV4, Address, SocketKind
from listenwatch.linux import libc, netns
from listenwatch.model.inputs import EntryPath

Option = tuple[int, int, int | bytes]
"""The arguments of setsockopt(2)."""

REUSEADDR: Option = (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
REUSEPORT: Option = (socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
V6ONLY: Option = (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)

DEFAULTS: dict[str, int | str] = {
    "net.core.somaxconn": 4096,
    "net.ipv4.ip_local_port_range": "32768 60999",
    "net.ipv4.tcp_abort_on_overflow": 0,
    "net.ipv4.tcp_fastopen": 1,
    "net.ipv4.tcp_max_syn_backlog": 1024,
    "net.ipv4.tcp_syncookies": 1,
}
"""The sysctls listen() can see, set in every new namespace so that the machine's own do not matter."""

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


class Testbed:
    """A private network namespace with a loopback device, and the calls made in it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._kept: list[socket.socket] = []
        self._unasked = refusal_unasked()
        self.new_namespace()

    # -- the network namespace

    def new_namespace(self) -> None:
        """Move this process into a fresh network namespace; sockets it has stay in theirs."""
        netns.new_namespace()
        for name, value in DEFAULTS.items():
            self.sysctl(name, value)

    def sysctl(self, name: str, value: int | str) -> None:
        """Set a sysctl of the current namespace, such as ``net.core.somaxconn``."""
        netns.set_sysctl(name, value)

    def somaxconn(self, value: int) -> None:
        """Set net.core.somaxconn of the current namespace."""
        self.sysctl("net.core.somaxconn", value)

    # -- sockets

    def keep(self, sock: socket.socket) -> socket.socket:
        """Keep the socket open until the scenario ends."""
        self._kept.append(sock)
        return sock

    def unbound(self, kind: SocketKind, *options: Option) -> socket.socket:
        """A fresh socket with these options."""
        sock = self.keep(kind.socket())
        for option in options:
            sock.setsockopt(*option)
        return sock

    def bound(self, kind: SocketKind, address: Address | None = None, *options: Option) -> socket.socket:
        """A fresh socket with these options, bound to ``address``, or to one of its own on the local host."""
        sock = self.unbound(kind, *options)
        sock.bind(kind.address() if address is None else address)
        return sock

    def take_every_port(self, kind: SocketKind, host: str = "") -> list[socket.socket]:
        """Leave four ephemeral ports, and bind a socket to each of them."""
        self.sysctl("net.ipv4.ip_local_port_range", "40000 40003")
        return [self.bound(kind, (host, port)) for port in range(40000, 40004)]

    def bound_to_path(self, kind: SocketKind) -> socket.socket:
        """A fresh AF_UNIX socket bound to a path, which is removed at once: no file stays behind."""
        with TemporaryDirectory() as folder:
            return self.bound(kind, f"{folder}/socket")

    def listener(self, kind: SocketKind, backlog: int = 8) -> socket.socket:
        """A bound socket that listens, with a call that is judged like any other."""
        sock = self.bound(kind)
        if self.listen(sock, backlog):
            raise RuntimeError(f"this scenario needs a {kind.name} listener and got none")
        return sock

    def connection(self, kind: SocketKind) -> tuple[socket.socket, socket.socket]:
        """Both ends of a connection: the one that connected and the accepted one."""
        server = self.listener(kind)
        return self.connected_to(server, kind), self.keep(server.accept()[0])

    def connected_to(self, server: socket.socket, kind: SocketKind) -> socket.socket:
        """A fresh socket connected to a listener, in whose accept queue it waits."""
        client = self.unbound(kind)
        client.connect(server.getsockname())
        return client

    def connecting_to(self, address: Address) -> socket.socket:
        """A fresh IPv4 socket that called connect() and does not wait for it."""
        client = self.unbound(IPV4)
        client.setblocking(False)
        client.connect_ex(address)
        return client

    def wait_for(self, sock: socket.socket, event: int) -> None:
        """Wait for a poll event; the runner's time limit ends a wait that is in vain."""
        waiting = poll()
        waiting.register(sock, event)
        waiting.poll()

    # -- the calls

    def listen(
        self, target: socket.socket | int, *backlogs: int, port_free: bool | None = True,
        refusal: int | None = None, entry_path: EntryPath = EntryPath.SYSCALL,
        through: Callable[[int, int], int] = libc.listen, witnessed: bool = True,
    ) -> int:  # fmt: skip
        """listen() with each backlog in turn, on record with what the second witness says; returns the last errno.

        ``through`` makes the call and returns the errno, by the ``entry_path`` named. A witness looks at
        every socket there is: a scenario with very many may go without.
        """
        fd, tid, error = target if isinstance(target, int) else target.fileno(), threading.get_native_id(), 0
        for backlog in backlogs:
            error = through(fd, backlog)
            reading = witness.read(fd) if witnessed and not error else None
            self._issued(Issued(tid, fd, backlog, error, entry_path, port_free, refusal, reading))
        return error

    def listen_both(self, a: socket.socket, b: socket.socket, *, port_free: bool | None = True) -> None:
        """listen(5) on the first, then listen(6) on the second, which finds the port as ``port_free`` says."""
        self.listen(a, 5)
        self.listen(b, 6, port_free=port_free)

    def _issued(self, call: Issued) -> None:
        refusal = self._unasked if call.refusal is None else call.refusal
        self._journal.issued(call._replace(refusal=refusal))

    def measured(self, sock: socket.socket, measurement: Measurement) -> None:
        """Put on record what a listener did under load, to be judged with its latest listen()."""
        self._journal.measured(sock.fileno(), measurement)

    def listen_in_kernel(self, make: Callable[[], int]) -> None:
        """Put on record a listen that ``make`` has the kernel do on its own; it returns the errno."""
        self._issued(Issued(threading.get_native_id(), -1, None, make(), EntryPath.KERNEL))

    def listen_in_threads(self, calls: Sequence[tuple[socket.socket, Sequence[int]]]) -> None:
        """One thread for each socket, all starting at once, each listening with its backlogs in turn."""
        barrier = threading.Barrier(len(calls))

        def work(sock: socket.socket, backlogs: Sequence[int]) -> list[Issued]:
            fd, tid = sock.fileno(), threading.get_native_id()
            barrier.wait()
            return [Issued(tid, fd, backlog, libc.listen(fd, backlog)) for backlog in backlogs]

        with ThreadPoolExecutor(len(calls)) as threads:
            done = list(threads.map(work, *zip(*calls, strict=True)))
        for *before, last in done:
            for call in before:
                self._issued(call)
            # what the witness can see is what the last call left
            self._issued(last._replace(reading=None if last.error else witness.read(last.fd)))

    def listen_in_program(
        self, target: socket.socket | int, backlog: int, command: list[str] | None = None,
        entry_path: EntryPath = EntryPath.SYSCALL,
    ) -> None:  # fmt: skip
        """One listen() by another program, which inherits the descriptor across fork() and execve().

        ``command`` makes just this call, and its exit status is 0 or the errno; by default it is Python.
        """
        fd = target if isinstance(target, int) else target.fileno()
        if fd >= 0:
            os.set_inheritable(fd, True)
        code = f"import ctypes; r = ctypes.CDLL(None, use_errno=True).listen({fd}, {backlog})"
        python = [sys.executable, "-S", "-c", f"{code}; raise SystemExit(r and ctypes.get_errno())"]
        command = command or python
        pid = os.posix_spawn(command[0], command, os.environ)
        error = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        reading = None if error else witness.read(fd)
        self._issued(Issued(pid, fd, backlog, error, entry_path, reading=reading))

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
