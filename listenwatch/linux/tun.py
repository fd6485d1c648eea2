"""A point to point device whose far end is this process: packets from a host the kernel does not own.

Its answers reach no TCP of the kernel's own, which would reset what the scenario wants half-open.
A write to the device is received by TCP before it returns (``tun_get_user()``, drivers/net/tun.c),
and the answer can be read at once: no waiting, no guessing whether a packet was dropped.
"""

import contextlib
import os
import socket
import struct
import time
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path
from tempfile import TemporaryDirectory

from listenwatch.errors import Skip
from listenwatch.linux.netns import set_up

NAME = "outside"
NEAR = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""The address of this host on the device, from the ranges for documentation (RFC 5737, RFC 3849)."""
FAR = {socket.AF_INET: "192.0.2.2", socket.AF_INET6: "2001:db8::2"}
"""The address of the host outside."""

_IFF_TUN, _IFF_NO_PI = 0x1, 0x1000
_TUNSETIFF = 0x4004_54CA
_SIOCSIFADDR, _SIOCSIFNETMASK = 0x8916, 0x891C
_NODE = "/dev/net/tun"
_DEVICE = os.makedev(10, 200)  # TUN_MINOR, include/linux/miscdevice.h
_IFA_F_TENTATIVE = 0x40
_MTU = 65536


class Tun:
    """The device, up and with an address of each family this kernel has."""

    def __init__(self) -> None:
        """Skip where the kernel has no tun device and no module of it."""
        try:
            self._fd = _open()
            request = struct.pack("16sH22x", NAME.encode(), _IFF_TUN | _IFF_NO_PI)
            ioctl(self._fd, _TUNSETIFF, request)
        except OSError as error:
            raise Skip(f"needs a tun device: {error.strerror}") from None
        _configure()

    def close(self) -> None:
        """The device goes with its descriptor."""
        os.close(self._fd)

    def send(self, packet: bytes) -> None:
        """Let the kernel receive a packet, to the end."""
        os.write(self._fd, packet)

    def received(self) -> Iterator[bytes]:
        """Every packet the kernel has sent out so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                yield os.read(self._fd, _MTU)


def _open() -> int:
    try:
        return os.open(_NODE, os.O_RDWR | os.O_NONBLOCK)
    except FileNotFoundError:
        # Nobody made the node; opening one of our own loads the module, as that one would.
        with TemporaryDirectory() as folder:
            node = Path(folder, "tun")
            os.mknod(node, 0o20600, _DEVICE)
            return os.open(node, os.O_RDWR | os.O_NONBLOCK)


def _configure() -> None:
    name = NAME.encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for request, address in (_SIOCSIFADDR, NEAR[socket.AF_INET]), (_SIOCSIFNETMASK, "255.255.255.0"):
            host = socket.inet_aton(address)
            ioctl(sock, request, struct.pack("16sHH4s16x", name, socket.AF_INET, 0, host))
    set_up(NAME)
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        host = socket.inet_pton(socket.AF_INET6, NEAR[socket.AF_INET6])
        ioctl(sock, _SIOCSIFADDR, struct.pack("16sIi", host, 64, socket.if_nametoindex(NAME)))
        while _is_tentative(host):
            time.sleep(0.001)  # a worker of the kernel makes it usable, at once on a device like this


def _is_tentative(host: bytes) -> bool:
    """Whether the address cannot be bound to yet (net/ipv6/addrconf.c, if6_seq_show())."""
    for line in Path("/proc/self/net/if_inet6").read_text().splitlines():
        address, _, _, _, flags, _ = line.split()
        if address == host.hex():
            return bool(int(flags, 16) & _IFA_F_TENTATIVE)
    return False
