"""One compiled BPF object: opened, loaded, attached.

Knows libbpf and nothing of what the programs do. Every attachment hangs on a descriptor of this
process, so nothing stays attached when it ends, however it ends.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Collection
from pathlib import Path

from listenwatch.engines import btf, libbpf, tracefs
from listenwatch.errors import ObserveError


class BpfObject:
    """A CO-RE object file; ``close`` detaches and unloads all of it."""

    def __init__(self, path: Path) -> None:
        self._links: list[int] = []
        self._object = 0
        if not path.exists():
            raise ObserveError("the probe is not compiled: run 'make setup'")
        if not btf.VMLINUX.exists():
            raise ObserveError(
                f"this kernel has no BTF ({btf.VMLINUX} is missing): it needs CONFIG_DEBUG_INFO_BTF=y"
            )
        self._bpf = libbpf.load_library()
        self._log = libbpf.Log()
        self._object = self._bpf.bpf_object__open_file(os.fsencode(path), None) or 0
        if not self._object:
            raise self.failed("cannot read the compiled probe", "run 'make setup'")

    # -- setting up

    def choose(self, programs: Collection[str]) -> None:
        """Which of its programs ``load`` loads."""
        program = None
        while program := self._bpf.bpf_object__next_program(self._object, program):
            wanted = self._bpf.bpf_program__name(program).decode() in programs
            self._bpf.bpf_program__set_autoload(program, wanted)

    def set_config(self, config: ctypes.Structure) -> None:
        """The constants of the object (its .rodata), before ``load``."""
        rodata = self._bpf.bpf_object__find_map_by_name(self._object, b".rodata")
        if self._bpf.bpf_map__set_initial_value(
            rodata, ctypes.byref(config), ctypes.sizeof(config)
        ):
            raise self.failed("the compiled probe does not fit this version", "run 'make setup'")

    def load(self) -> None:
        """Verify and load the programs; ObserveError carries the verifier's log."""
        if self._bpf.bpf_object__load(self._object):
            raise self.failed("the kernel refused the probe", "--verbose shows the verifier's log")

    def attach(self, program: str, *, tracepoint: str | None = None) -> bool:
        """Attach as the program's section says, or to a ``group/event`` tracepoint; False where refused."""
        handle = self._program(program)
        if tracepoint is None:
            link = self._bpf.bpf_program__attach(handle)
        else:
            event = libbpf.open_tracepoint(tracefs.event_id(tracepoint))
            link = self._bpf.bpf_program__attach_perf_event(handle, event)
        if link:
            self._links.append(link)
        return bool(link)

    def failed(self, what: str, then: str) -> ObserveError:
        """The error for what libbpf just refused; ``then`` says what to do about it."""
        error = ctypes.get_errno()
        if error in (errno.EPERM, errno.EACCES) and os.geteuid() != 0:
            then = "run it as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN"
        return ObserveError(f"{what} ({os.strerror(error)}): {then}", self._log.text())

    def _program(self, name: str) -> int:
        handle: int | None = self._bpf.bpf_object__find_program_by_name(self._object, name.encode())
        if not handle:
            raise ObserveError(f"the compiled probe lacks {name}: run 'make setup'")
        return handle

    # -- what was loaded

    def map_fd(self, name: str) -> int:
        """The descriptor of one of its maps."""
        fd: int = self._bpf.bpf_map__fd(
            self._bpf.bpf_object__find_map_by_name(self._object, name.encode())
        )
        return fd

    def program_fd(self, name: str) -> int:
        """The descriptor of one of its programs, once loaded."""
        fd: int = self._bpf.bpf_program__fd(self._program(name))
        return fd

    # -- ending

    def close(self) -> None:
        """Detach and unload everything; safe to call twice."""
        for link in self._links:
            self._bpf.bpf_link__destroy(link)
        self._links.clear()
        if self._object:
            self._bpf.bpf_object__close(self._object)
            self._object = 0
