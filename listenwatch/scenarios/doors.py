"""The other doors: 32-bit callers, io_uring, and listeners of the kernel itself."""

from __future__ import annotations

import os

from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.generic.mptcp import MPTCP as PathManager

from listenwatch.model.inputs import Door
from listenwatch.scenarios import compat, io_uring
from listenwatch.scenarios.kinds import IPV4, IPV6, UNIX, Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.needs import KPROBES
from listenwatch.scenarios.registry import scenario

_COMPAT = (KPROBES, "32-bit system calls")
_IO_URING = (KPROBES, "io_uring listen (6.11)")
_SIGNAL = 1  # MPTCP_PM_ADDR_FLAG_SIGNAL, include/uapi/linux/mptcp.h


@scenario(IPV4, IPV6, UNIX, needs=_COMPAT)
def compat_listen(lab: Lab, kind: Kind) -> None:
    """listen() of a 32-bit program, through int 0x80."""
    lab.somaxconn(128)
    sock = lab.bound(kind)
    for backlog in (511, -1, 5):
        lab.listen(sock, backlog, door=Door.COMPAT, through=compat.listen)


@scenario(IPV4, needs=_COMPAT)
def compat_socketcall(lab: Lab, kind: Kind) -> None:
    """listen() of an old 32-bit program, through socketcall()."""
    lab.somaxconn(128)
    lab.listen(lab.bound(kind), 511, door=Door.COMPAT, through=compat.socketcall)


@scenario(needs=_COMPAT)
def compat_bad_descriptors(lab: Lab) -> None:
    """Refusals through the same door."""
    reading, _ = os.pipe()
    for fd in (-1, reading):
        lab.listen(fd, 5, door=Door.COMPAT, through=compat.listen)


@scenario(IPV4, IPV6, UNIX, needs=_IO_URING)
def io_uring_listen(lab: Lab, kind: Kind) -> None:
    """IORING_OP_LISTEN: the same clamp, without the system call."""
    lab.somaxconn(128)
    sock = lab.bound(kind)
    for backlog in (511, -1, 5):
        lab.listen(sock, backlog, door=Door.IO_URING, through=io_uring.listen)


@scenario(needs=_IO_URING)
def io_uring_conflict(lab: Lab) -> None:
    """A port conflict through io_uring."""
    server = lab.bound(IPV4, reuseaddr=True)
    sock = lab.bound(IPV4, server.getsockname(), reuseaddr=True)
    lab.listen(server, 5)
    lab.listen(sock, 5, port_free=False, door=Door.IO_URING, through=io_uring.listen)


@scenario(needs=(KPROBES, "MPTCP"))
def kernel_listener(lab: Lab) -> None:
    """The MPTCP path manager listens by itself on an endpoint with a port: past the clamp."""
    lab.somaxconn(16)

    def add_endpoint() -> int:
        with PathManager() as manager:
            try:
                manager.endpoint("add", addr="127.0.0.1", port=4321, flags=_SIGNAL)
            except NetlinkError as error:
                return int(error.code)
        return 0

    lab.listen_in_kernel(add_endpoint)
