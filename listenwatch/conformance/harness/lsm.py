"""A security module that refuses listen(): a BPF program on the LSM hook socket_listen."""

import ctypes
import os
from pathlib import Path

from listenwatch.bpf.bpf_object import BpfObject
from listenwatch.bpf.programs import BpfProgram
from listenwatch.conformance.harness.testbed import Testbed
from listenwatch.errors import ObserveError, Skip
from listenwatch.linux import libc

PROGRAM = BpfProgram("refuse_listen", "socket_listen", "lsm", required=False)
SECURITYFS = Path("/sys/kernel/security")


class _Config(ctypes.Structure):
    """The constant of probes/refuse.bpf.c."""

    _fields_ = (("netns", ctypes.c_uint32),)


class Refusal:
    """While it is attached, every listen() in this process's network namespace gets EPERM."""

    def __init__(self) -> None:
        self._object = BpfObject("refuse")
        config = _Config(Path("/proc/self/ns/net").stat().st_ino)
        try:
            self._object.load([PROGRAM], config)
            attached = self._object.attach([PROGRAM])
        except ObserveError as error:
            raise Skip(f"the kernel does not load a BPF LSM program: {error}") from None
        if not attached:
            raise Skip("a BPF LSM program cannot be attached (no BPF trampolines)")

    def end(self) -> None:
        """Detach it."""
        self._object.close()


def check(_testbed: Testbed) -> None:
    """Raises Skip where "bpf" is not among the active security modules, or no such program can be attached.

    Attaching alone shows nothing: the program of an inactive module is never asked.
    """
    path = SECURITYFS / "lsm"
    if not path.exists():
        libc.unshare(libc.CLONE_NEWNS)
        libc.make_mounts_private()
        libc.mount(b"securityfs", os.fsencode(SECURITYFS))
    active = path.read_text().strip()
    if "bpf" not in active.split(","):
        raise Skip(f"bpf is not an active security module ({active})")
    Refusal().end()
