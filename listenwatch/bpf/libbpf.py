"""The part of ``libbpf.so.1`` listenwatch calls, as typed ctypes declarations and nothing more."""

import ctypes
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, c_bool, c_char_p, c_int, c_size_t, c_uint32, c_void_p
from functools import cache

from listenwatch.errors import ObserveError
from listenwatch.linux import libc, privileges

PRINT_CALLBACK = CFUNCTYPE(c_int, c_int, c_char_p, c_void_p)

_SIGNATURES: dict[str, tuple[object, tuple[object, ...]]] = {
    "libbpf_set_print": (c_void_p, (PRINT_CALLBACK,)),
    "libbpf_num_possible_cpus": (c_int, ()),
    "libbpf_version_string": (c_char_p, ()),
    "bpf_object__open_mem": (c_void_p, (c_char_p, c_size_t, c_void_p)),
    "bpf_object__load": (c_int, (c_void_p,)),
    "bpf_object__close": (None, (c_void_p,)),
    "bpf_object__find_program_by_name": (c_void_p, (c_void_p, c_char_p)),
    "bpf_object__find_map_by_name": (c_void_p, (c_void_p, c_char_p)),
    "bpf_object__next_program": (c_void_p, (c_void_p, c_void_p)),
    "bpf_program__name": (c_char_p, (c_void_p,)),
    "bpf_program__set_autoload": (c_int, (c_void_p, c_bool)),
    "bpf_program__attach": (c_void_p, (c_void_p,)),
    "bpf_program__attach_perf_event": (c_void_p, (c_void_p, c_int)),
    "bpf_program__fd": (c_int, (c_void_p,)),
    "bpf_obj_get_info_by_fd": (c_int, (c_int, c_void_p, c_void_p)),
    "bpf_link__destroy": (c_int, (c_void_p,)),
    "bpf_map__fd": (c_int, (c_void_p,)),
    "bpf_map__set_max_entries": (c_int, (c_void_p, c_uint32)),
    "bpf_map__set_initial_value": (c_int, (c_void_p, c_void_p, c_size_t)),
    "bpf_map_lookup_elem": (c_int, (c_int, c_void_p, c_void_p)),
    "bpf_map_update_elem": (c_int, (c_int, c_void_p, c_void_p, ctypes.c_uint64)),
    "bpf_map_get_next_key": (c_int, (c_int, c_void_p, c_void_p)),
    "bpf_map_delete_elem": (c_int, (c_int, c_void_p)),
    "bpf_map_lookup_and_delete_batch": (c_int, (c_int, *[c_void_p] * 6)),
    "libbpf_find_vmlinux_btf_id": (c_int, (c_char_p, c_int)),
}


@cache
def load_library() -> ctypes.CDLL:
    """Open ``libbpf.so.1`` and declare what we call; ObserveError names the package if it is missing."""
    try:
        library = ctypes.CDLL("libbpf.so.1", use_errno=True)
    except OSError:
        raise ObserveError(
            "libbpf.so.1 is not installed: run 'apt install libbpf1' (or 'make setup')"
        ) from None
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    library.libbpf_set_print(PRINT_CALLBACK())  # none: by default it writes to stderr
    return library


def library_version() -> str:
    """The version of the library, such as "1.1.2"; ObserveError if there is none."""
    version: bytes = load_library().libbpf_version_string()
    return version.decode().removeprefix("v")


@contextmanager
def logged() -> Iterator[list[str]]:
    """What libbpf logs meanwhile, the verifier's log included; else it says nothing.

    Only for what is about to fail: it logs some 2,000 lines, and each waits for Python.
    """
    messages: list[str] = []
    vsnprintf = ctypes.CDLL(None).vsnprintf
    vsnprintf.argtypes = (c_void_p, c_size_t, c_char_p, c_void_p)

    def collect(_level: int, text_format: bytes, arguments: int) -> int:
        buffer = ctypes.create_string_buffer(1 << 16)
        vsnprintf(buffer, len(buffer), text_format, arguments)
        messages.append(buffer.value.decode(errors="replace"))
        return 0

    library, collector = load_library(), PRINT_CALLBACK(collect)
    library.libbpf_set_print(collector)
    try:
        yield messages
    finally:
        library.libbpf_set_print(PRINT_CALLBACK())


class PerfEventAttr(ctypes.Structure):
    """``struct perf_event_attr`` as far as a tracepoint needs it (PERF_ATTR_SIZE_VER0, 64 bytes)."""

    _fields_ = (
        ("type", c_uint32), ("size", c_uint32), ("config", ctypes.c_uint64),
        ("sample_period", ctypes.c_uint64), ("rest", ctypes.c_uint64 * 5),
    )


class ProgramInfo(ctypes.Structure):
    """``struct bpf_prog_info`` to ``recursion_misses``: runs skipped as one ran there already; 0 before v5.12."""

    _fields_ = (("before", ctypes.c_uint8 * 208), ("recursion_misses", ctypes.c_uint64))


class MapInfo(ctypes.Structure):
    """``struct bpf_map_info`` as far as it is read."""

    _fields_ = tuple((name, c_uint32) for name in ("type", "id", "key_size", "value_size", "max_entries"))


def read_info(fd: int, info: MapInfo | ProgramInfo) -> None:
    """Fill in what the kernel knows of a map or a program; what it does not know stays 0."""
    length = c_uint32(ctypes.sizeof(info))
    load_library().bpf_obj_get_info_by_fd(fd, ctypes.byref(info), ctypes.byref(length))


PERF_TYPE_TRACEPOINT = 2
PERF_FLAG_FD_CLOEXEC = 8
_PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241, "riscv64": 241}


def open_tracepoint(event_id: int) -> int:
    """A perf event descriptor for one tracepoint, on every process (perf_event_open(2))."""
    machine = os.uname().machine
    if machine not in _PERF_EVENT_OPEN:
        raise ObserveError(f"tracepoints on {machine} are not supported: those on {', '.join(_PERF_EVENT_OPEN)} are")
    attr = PerfEventAttr(PERF_TYPE_TRACEPOINT, ctypes.sizeof(PerfEventAttr), event_id, 1)
    arguments = ctypes.byref(attr), -1, 0, -1, PERF_FLAG_FD_CLOEXEC
    try:
        return libc.syscall(_PERF_EVENT_OPEN[machine], *arguments, what="perf_event_open")
    except OSError as error:
        then = privileges.remedy(privileges.to_attach()) or "the kernel allows nobody to use this tracepoint"
        raise ObserveError(f"{error.strerror}: {then}") from None


_PERF_EVENT_IOC_SET_BPF, _PERF_EVENT_IOC_ENABLE = 0x40042408, 0x2400  # include/uapi/linux/perf_event.h


def attach_tracepoint(event_id: int, program: int) -> int:
    """A descriptor that keeps the program on the tracepoint as long as it is open."""
    event = open_tracepoint(event_id)
    try:
        fcntl.ioctl(event, _PERF_EVENT_IOC_SET_BPF, program)
        fcntl.ioctl(event, _PERF_EVENT_IOC_ENABLE, 0)
    except BaseException:
        os.close(event)
        raise
    return event
