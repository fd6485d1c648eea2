"""One compiled BPF object: opened, loaded, attached.

Knows libbpf and nothing of what the programs do. Every attachment is a descriptor of this process,
so nothing stays attached when it ends, however it ends.
"""

import ctypes
import errno
import os
from collections.abc import Iterable
from threading import Thread

from listenwatch.bpf import libbpf, package_data, tracefs
from listenwatch.bpf.programs import BpfProgram
from listenwatch.errors import ObserveError
from listenwatch.linux import btf, privileges


class BpfObject:
    """A CO-RE object, compiled from probes/NAME.bpf.c; ``close`` detaches and unloads all of it."""

    def __init__(self, name: str) -> None:
        self._links: list[int] = []
        self._object = 0
        compiled = package_data.read_object(name)
        if not btf.VMLINUX.exists():
            raise ObserveError(
                f"this kernel has no BTF ({btf.VMLINUX} is missing): it needs CONFIG_DEBUG_INFO_BTF=y"
            )
        self._bpf = libbpf.load_library()
        self._log = libbpf.Log()
        self._object = self._bpf.bpf_object__open_mem(compiled, len(compiled), None) or 0
        if not self._object:
            raise self.failed("cannot read the compiled probe", "run 'make setup'")

    # -- setting up

    def _choose(self, names: set[str]) -> None:
        """Which of its programs are loaded."""
        handle = None
        while handle := self._bpf.bpf_object__next_program(self._object, handle):
            wanted = self._bpf.bpf_program__name(handle).decode() in names
            self._bpf.bpf_program__set_autoload(handle, wanted)

    def _set_config(self, config: ctypes.Structure) -> None:
        """The constants of the object: its .rodata."""
        rodata = self._bpf.bpf_object__find_map_by_name(self._object, b".rodata")
        size = ctypes.sizeof(config)
        if self._bpf.bpf_map__set_initial_value(rodata, ctypes.byref(config), size):
            raise self.failed("the compiled probe does not fit this version", "run 'make setup'")

    def resize(self, name: str, size: int) -> None:
        """How much one of its maps holds; before ``load``."""
        handle = self._bpf.bpf_object__find_map_by_name(self._object, name.encode())
        self._bpf.bpf_map__set_max_entries(handle, size)

    def load(self, programs: Iterable[BpfProgram], config: ctypes.Structure) -> None:
        """Verify and load these programs with these constants; ObserveError carries the verifier's log."""
        self._choose({program.name for program in programs})
        self._set_config(config)
        if self._bpf.bpf_object__load(self._object):
            raise self.failed("the kernel refused the probe", "--verbose shows the verifier's log")

    def attach(self, programs: Iterable[BpfProgram]) -> tuple[BpfProgram, ...]:
        """Attach them; those that were. ObserveError where a required one is refused."""
        return tuple(program for program in programs if self._attach(program))

    def _attach(self, program: BpfProgram) -> bool:
        handle = self._program(program.name)
        if program.kind == "tracepoint":
            event = libbpf.open_tracepoint(tracefs.event_id(program.target))
            link = self._bpf.bpf_program__attach_perf_event(handle, event)
        else:
            link = self._bpf.bpf_program__attach(handle)
        if link:
            self._links.append(link)
        elif program.required:
            raise self.failed(f"cannot attach to {program.target}", "--verbose shows the log")
        return bool(link)

    def failed(self, what: str, then: str) -> ObserveError:
        """The error for what libbpf just refused; ``then`` says what to do about it."""
        error = ctypes.get_errno()
        if error in (errno.EPERM, errno.EACCES):
            then = privileges.remedy(privileges.to_attach()) or then
        return ObserveError(f"{what} ({os.strerror(error)}): {then}", self._log.text())

    def _program(self, name: str) -> int:
        handle: int | None = self._bpf.bpf_object__find_program_by_name(self._object, name.encode())
        if not handle:
            raise ObserveError(f"the compiled probe lacks {name}: run 'make setup'")
        return handle

    # -- what was loaded

    def map_fd(self, name: str) -> int:
        """The descriptor of one of its maps."""
        handle = self._bpf.bpf_object__find_map_by_name(self._object, name.encode())
        return int(self._bpf.bpf_map__fd(handle))

    def program_fd(self, name: str) -> int:
        """The descriptor of one of its programs, once loaded."""
        return int(self._bpf.bpf_program__fd(self._program(name)))

    # -- ending

    def close(self) -> None:
        """Detach and unload everything; safe to call twice."""
        if self._links:  # side by side: the kernel waits for each perf event's last program run (0.1 s)
            threads = [Thread(target=self._bpf.bpf_link__destroy, args=(link,)) for link in self._links]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self._links.clear()
        if self._object:
            self._bpf.bpf_object__close(self._object)
            self._object = 0
