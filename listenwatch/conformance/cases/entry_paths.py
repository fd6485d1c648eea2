"""The other entry paths: 32-bit callers, io_uring, and listeners of the kernel itself."""

import os

from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.generic.mptcp import MPTCP as PathManager

from listenwatch.conformance.harness import compat, io_uring
from listenwatch.conformance.harness.needs import COMPAT_SEEN, KPROBES
from listenwatch.conformance.harness.registry import scenario
from listenwatch.conformance.harness.socket_kinds import IPV4, IPV6, UNIX, SocketKind
from listenwatch.conformance.harness.testbed import REUSEADDR, Testbed
from listenwatch.model.inputs import EntryPath

_COMPAT = (COMPAT_SEEN, "32-bit system calls")
_IO_URING = (KPROBES, "io_uring listen (6.11)")
_SIGNAL = 1  # MPTCP_PM_ADDR_FLAG_SIGNAL, include/uapi/linux/mptcp.h


@scenario(IPV4, IPV6, UNIX, needs=_COMPAT)
def compat_listen(testbed: Testbed, kind: SocketKind) -> None:
    """listen() of a 32-bit program, through int 0x80 or in AArch32."""
    testbed.somaxconn(128)
    compat.listen_on_record(testbed, testbed.bound(kind), 511, -1, 5)


@scenario(IPV4, needs=(KPROBES, "32-bit socketcall"))
def compat_socketcall(testbed: Testbed, kind: SocketKind) -> None:
    """listen() of an old 32-bit program, through socketcall()."""
    testbed.somaxconn(128)
    testbed.listen(testbed.bound(kind), 511, entry_path=EntryPath.COMPAT, through=compat.socketcall)


@scenario(needs=_COMPAT)
def compat_bad_descriptors(testbed: Testbed) -> None:
    """Refusals through the same entry path."""
    for fd in (-1, os.pipe()[0]):
        compat.listen_on_record(testbed, fd, 5)


@scenario(IPV4, IPV6, UNIX, needs=_IO_URING)
def io_uring_listen(testbed: Testbed, kind: SocketKind) -> None:
    """IORING_OP_LISTEN: the same clamp, without the system call."""
    testbed.somaxconn(128)
    testbed.listen(testbed.bound(kind), 511, -1, 5, entry_path=EntryPath.IO_URING, through=io_uring.listen)


@scenario(needs=_IO_URING)
def io_uring_conflict(testbed: Testbed) -> None:
    """A port conflict through io_uring."""
    server = testbed.bound(IPV4, None, REUSEADDR)
    sock = testbed.bound(IPV4, server.getsockname(), REUSEADDR)
    testbed.listen(server, 5)
    testbed.listen(sock, 5, port_free=False, entry_path=EntryPath.IO_URING, through=io_uring.listen)


@scenario(needs=(KPROBES, "MPTCP"))
def kernel_listener(testbed: Testbed) -> None:
    """The MPTCP path manager listens by itself on an endpoint with a port: past the clamp."""
    testbed.somaxconn(16)

    def add_endpoint() -> int:
        with PathManager() as manager:
            try:
                manager.endpoint("add", addr="127.0.0.1", port=4321, flags=_SIGNAL)
            except NetlinkError as error:
                return int(error.code)
        return 0

    testbed.listen_in_kernel(add_endpoint)
