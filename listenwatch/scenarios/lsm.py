"""A security module that refuses listen(): a BPF program on the LSM hook socket_listen."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from listenwatch.engines import libbpf
from listenwatch.scenarios import libc
from listenwatch.scenarios.lab import Lab, Skip

OBJECT = Path(libbpf.__file__).with_name("refuse.bpf.o")
SECURITYFS = Path("/sys/kernel/security")


class Refusal:
    """While it is attached, every listen() in this process's network namespace gets EPERM."""

    def __init__(self) -> None:
        self._bpf = libbpf.load_library()
        self._log = libbpf.Log(self._bpf)
        self._object = self._bpf.bpf_object__open_file(os.fsencode(OBJECT), None)
        if not self._object:
            raise Skip("the refusing program is not compiled: run 'make setup'")
        netns = ctypes.c_uint32(Path("/proc/self/ns/net").stat().st_ino)
        rodata = self._bpf.bpf_object__find_map_by_name(self._object, b".rodata")
        self._bpf.bpf_map__set_initial_value(rodata, ctypes.byref(netns), ctypes.sizeof(netns))
        if self._bpf.bpf_object__load(self._object):
            raise Skip(
                f"the kernel does not load a BPF LSM program ({os.strerror(ctypes.get_errno())})"
            )
        program = self._bpf.bpf_object__find_program_by_name(self._object, b"refuse_listen")
        self._link = self._bpf.bpf_program__attach(program)
        if not self._link:
            raise Skip("a BPF LSM program cannot be attached (no BPF trampolines)")

    def end(self) -> None:
        """Detach it."""
        self._bpf.bpf_link__destroy(self._link)
        self._bpf.bpf_object__close(self._object)


def check(_lab: Lab) -> None:
    """Raises Skip where "bpf" is not among the active security modules, or no such program can be attached.

    Attaching alone tells nothing: the program of an inactive module is never asked.
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
