"""One compiled BPF object: opened, loaded, attached.

Knows libbpf and nothing of what the programs do. Every attachment is a descriptor of this process,
so nothing stays attached when it ends, however it ends.
"""

import ctypes
import errno
import os
from collections.abc import Iterable, Sequence
from threading import Thread

from listenwatch.bpf import libbpf, package_data, tracefs
from listenwatch.bpf.programs import BpfProgram
from listenwatch.errors import ObserveError
from listenwatch.linux import btf, interrupt, privileges


class BpfObject:
    """A CO-RE object, compiled from probes/NAME.bpf.c; ``close`` detaches and unloads all of it."""

    def __init__(self, name: str) -> None:
        self._links: list[int] = []
        self._detaching: list[Thread] = []
        self._object = 0
        self._compiled = package_data.read_object(name)
        self._sizes: dict[bytes, int] = {}
        if not btf.VMLINUX.exists():
            raise ObserveError(
                f"this kernel has no BTF ({btf.VMLINUX} is missing): it needs CONFIG_DEBUG_INFO_BTF=y"
            )
        self._bpf = libbpf.load_library()

    # -- setting up

    def resize(self, name: str, size: int) -> None:
        """How much one of its maps holds; before ``load``."""
        self._sizes[name.encode()] = size

    def load(
        self, programs: Iterable[BpfProgram], config: ctypes.Structure, meanwhile: Iterable[object] = ()
    ) -> None:
        """Verify and load these programs with these constants; ObserveError carries the verifier's log.

        ``meanwhile`` is taken from while libbpf and the kernel are busy with it, some 30 ms, on another processor:
        its first step always, others while it takes.
        """
        names = {program.name for program in programs}
        self._open(names, config)
        if not self._loading(meanwhile):
            return
        with libbpf.logged() as log:  # again, to hear why
            self._open(names, config)
            if error := self._load():
                raise self.failed("the kernel refused the probe", "--verbose shows the verifier's log", error, log)

    def _open(self, names: set[str], config: ctypes.Structure) -> None:
        """The object, its programs of these names only, and its constants (.rodata)."""
        self._unload()
        self._object = self._bpf.bpf_object__open_mem(self._compiled, len(self._compiled), None) or 0
        if not self._object:
            raise self.failed("cannot read the compiled probe", "run 'make setup'", ctypes.get_errno())
        handle = None
        while handle := self._bpf.bpf_object__next_program(self._object, handle):
            wanted = self._bpf.bpf_program__name(handle).decode() in names
            self._bpf.bpf_program__set_autoload(handle, wanted)
        for name, size in self._sizes.items():
            self._bpf.bpf_map__set_max_entries(self._map(name), size)
        if self._bpf.bpf_map__set_initial_value(self._map(b".rodata"), ctypes.byref(config), ctypes.sizeof(config)):
            raise self.failed("the compiled probe does not fit this version", "run 'make setup'", ctypes.get_errno())

    def _load(self) -> int:
        """0, or the errno."""
        return -int(self._bpf.bpf_object__load(self._object))

    def _loading(self, meanwhile: Iterable[object]) -> int:
        """The same in a thread of its own, beside the steps there are to take ``meanwhile``."""
        errors: list[int] = []
        thread = Thread(target=lambda: errors.append(self._load()))
        with interrupt.held():  # nobody closes what is being loaded
            thread.start()
            try:
                for _ in meanwhile:
                    if not thread.is_alive():
                        break
            finally:
                thread.join()
        return errors[0]

    def attach(self, programs: Iterable[BpfProgram]) -> tuple[BpfProgram, ...]:
        """Attach them; those that were. ObserveError where a required one is refused."""
        with libbpf.logged() as log:
            return tuple(program for program in programs if self._attach(program, log))

    def _attach(self, program: BpfProgram, log: Sequence[str]) -> bool:
        handle = self._program(program.name)
        if program.kind == "tracepoint":
            event = libbpf.open_tracepoint(tracefs.event_id(program.target))
            link = self._bpf.bpf_program__attach_perf_event(handle, event)
        else:
            link = self._bpf.bpf_program__attach(handle)
        if link:
            self._links.append(link)
        elif program.required:
            raise self.failed(f"cannot attach to {program.target}", "--verbose shows the log", ctypes.get_errno(), log)
        return bool(link)

    def failed(self, what: str, then: str, error: int, log: Sequence[str] = ()) -> ObserveError:
        """The error for what libbpf just refused, by its errno; ``then`` says what to do about it."""
        if error in (errno.EPERM, errno.EACCES):
            then = privileges.remedy(privileges.to_attach()) or then
        return ObserveError(f"{what} ({os.strerror(error)}): {then}", "".join(log))

    def _program(self, name: str) -> int:
        handle: int | None = self._bpf.bpf_object__find_program_by_name(self._object, name.encode())
        if not handle:
            raise ObserveError(f"the compiled probe lacks {name}: run 'make setup'")
        return handle

    # -- what was loaded

    def map_fd(self, name: str) -> int:
        """The descriptor of one of its maps."""
        return int(self._bpf.bpf_map__fd(self._map(name.encode())))

    def _map(self, name: bytes) -> int | None:
        handle: int | None = self._bpf.bpf_object__find_map_by_name(self._object, name)
        return handle

    def program_fd(self, name: str) -> int:
        """The descriptor of one of its programs, once loaded."""
        return int(self._bpf.bpf_program__fd(self._program(name)))

    # -- ending

    def detach(self) -> None:
        """Begin to detach everything: for each perf event the kernel waits until no processor can be in a program.

        That takes 30 ms and more for each, one after the other (``event_mutex``), in which others can work.
        """
        while self._links:
            thread = Thread(target=self._bpf.bpf_link__destroy, args=(self._links.pop(),))
            thread.start()
            self._detaching.append(thread)

    def close(self) -> None:
        """Detach and unload everything; safe to call twice."""
        self.detach()
        for thread in self._detaching:
            thread.join()
        self._detaching.clear()
        self._unload()

    def _unload(self) -> None:
        if self._object:
            self._bpf.bpf_object__close(self._object)
            self._object = 0
