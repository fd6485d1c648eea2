"""The reader of a ring buffer on pages laid out as the kernel lays them out (kernel/bpf/ringbuf.c)."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator

import pytest

from listenwatch.bpf import libbpf, ring

PAGE = mmap.PAGESIZE
SIZE = 16 * PAGE
LENGTH = 460
"""Not a multiple of 8: what follows a record begins at one."""
STRIDE = 472


class Kernel:
    """The writer's side, in a file: its end of the data is not mapped twice, so a test keeps records whole there."""

    def __init__(self, fd: int) -> None:
        self.fd, self.produced = fd, 0

    def put(self, number: int, bits: int = 0) -> int:
        """One record, and where it lies."""
        at, self.produced = self.produced, self.produced + STRIDE
        self.set_length(at, LENGTH | bits)
        place = 2 * PAGE + at % SIZE
        data = struct.pack("=I", number).ljust(LENGTH, b"\0")
        for start in (place, place + SIZE):  # what the second mapping shows
            os.pwrite(self.fd, data, start + 8)
        os.pwrite(self.fd, struct.pack("=Q", self.produced), PAGE)
        return at

    def set_length(self, at: int, length: int) -> None:
        place = 2 * PAGE + at % SIZE
        for start in (place, place + SIZE):
            os.pwrite(self.fd, struct.pack("=I", length), start)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    def told(_fd: int, info: libbpf.MapInfo) -> None:
        info.max_entries = SIZE

    monkeypatch.setattr(libbpf, "read_info", told)
    fd = os.memfd_create("ring")
    os.ftruncate(fd, 2 * PAGE + 3 * SIZE)
    yield Kernel(fd)
    os.close(fd)


def numbers(records: list[bytes]) -> list[int]:
    assert {len(record) for record in records} <= {LENGTH}
    return [struct.unpack_from("=I", record)[0] for record in records]


def test_records_come_in_order_across_the_end_of_the_data(kernel: Kernel) -> None:
    reader, came = ring.Ring(kernel.fd), list[int]()
    for start in range(0, 1000, 100):
        for number in range(start, start + 100):
            kernel.put(number)
        came += numbers(reader.take())
        assert reader.consumed == reader.produced == kernel.produced
    assert kernel.produced > 6 * SIZE
    assert came == list(range(1000))
    assert reader.take() == []
    reader.close()
    reader.close()


def test_a_batch_has_a_limit(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "BATCH", 3)
    reader = ring.Ring(kernel.fd)
    for number in range(5):
        kernel.put(number)
    assert [numbers(reader.take()) for _ in range(3)] == [[0, 1, 2], [3, 4], []]


def test_a_record_that_is_not_handed_over_yet_holds_up_those_after_it(kernel: Kernel) -> None:
    reader = ring.Ring(kernel.fd)
    kernel.put(0)
    busy = kernel.put(1, bits=1 << 31)
    kernel.put(2)
    assert numbers(reader.take()) == [0]
    assert reader.take() == []
    kernel.set_length(busy, LENGTH)
    assert numbers(reader.take()) == [1, 2]


def test_a_record_that_was_given_up_is_skipped(kernel: Kernel) -> None:
    reader = ring.Ring(kernel.fd)
    kernel.put(0, bits=1 << 30)
    kernel.put(1)
    assert [numbers(reader.take()) for _ in range(2)] == [[], [1]]
