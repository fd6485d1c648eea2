"""Maps and programs by their descriptors, whoever loaded them: counters summed, entries read and written."""

import ctypes
import errno
import os
from collections.abc import Iterator

from listenwatch.bpf import libbpf


def sums(fd: int, width: int) -> list[int]:
    """Entry 0 of a per-CPU array of ``width`` 64-bit counters, summed over the processors."""
    bpf = libbpf.load_library()
    cpus = bpf.libbpf_num_possible_cpus()
    values = (ctypes.c_uint64 * (width * cpus))()
    key = ctypes.c_uint32(0)
    bpf.bpf_map_lookup_elem(fd, ctypes.byref(key), values)
    return [sum(values[i::width]) for i in range(width)]


def sizes(fd: int) -> tuple[int, int]:
    """How many bytes a key and a value of the map have."""
    info = libbpf.MapInfo()
    libbpf.read_info(fd, info)
    return info.key_size, info.value_size


def capacity(fd: int) -> int:
    """How many entries the map has room for."""
    info = libbpf.MapInfo()
    libbpf.read_info(fd, info)
    return int(info.max_entries)


def delete(fd: int, key: bytes) -> None:
    """Remove an entry; nothing if there is none."""
    libbpf.load_library().bpf_map_delete_elem(fd, key)


def entries(fd: int, key_size: int, value_size: int) -> Iterator[tuple[bytes, bytes]]:
    """Every key and value of a hash map, as they are while it is read."""
    bpf, previous = libbpf.load_library(), None
    key = ctypes.create_string_buffer(key_size)
    value = ctypes.create_string_buffer(value_size)
    while not bpf.bpf_map_get_next_key(fd, previous, key):
        previous = key
        if not bpf.bpf_map_lookup_elem(fd, key, value):
            yield key.raw, value.raw


def value(fd: int, key: bytes, size: int) -> bytes | None:
    """What a hash map holds under a key; None if it has none such."""
    buffer = ctypes.create_string_buffer(size)
    return None if libbpf.load_library().bpf_map_lookup_elem(fd, key, buffer) else buffer.raw


def store(fd: int, key: bytes, new: bytes) -> None:
    """Put a value into a map."""
    if libbpf.load_library().bpf_map_update_elem(fd, key, new, 0):
        error = ctypes.get_errno()
        raise OSError(error, f"bpf_map_update_elem: {os.strerror(error)}")


def take_all(fd: int) -> list[tuple[bytes, bytes]]:
    """Every key and value of a hash map that nobody else uses meanwhile, which is empty afterwards."""
    info, bpf = libbpf.MapInfo(), libbpf.load_library()
    libbpf.read_info(fd, info)
    keys = ctypes.create_string_buffer(info.key_size * info.max_entries)
    values = ctypes.create_string_buffer(info.value_size * info.max_entries)
    number, after = ctypes.c_uint32(info.max_entries), ctypes.c_uint32()
    arguments = None, ctypes.byref(after), keys, values, ctypes.byref(number), None
    if bpf.bpf_map_lookup_and_delete_batch(fd, *arguments) and (error := ctypes.get_errno()) != errno.ENOENT:
        raise OSError(error, f"bpf_map_lookup_and_delete_batch: {os.strerror(error)}")
    return list(zip(_cut(keys.raw, info.key_size, number.value), _cut(values.raw, info.value_size, number.value), strict=True))


def _cut(data: bytes, size: int, number: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, size * number, size))


def misses(fd: int) -> int:
    """How often the kernel skipped the program because one ran on that processor already."""
    info = libbpf.ProgramInfo()
    libbpf.read_info(fd, info)
    return int(info.recursion_misses)
