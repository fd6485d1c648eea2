"""What a kernel's BTF says of its functions and structures (include/uapi/linux/btf.h), read without libbpf."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path

from listenwatch.errors import ObserveError

BTF = "sys/kernel/btf/vmlinux"
"""Where a kernel shows its own, from the root."""
VMLINUX = Path("/") / BTF

_HEADER = struct.Struct("=HBBIIIII")  # struct btf_header
_STRUCT, _ENUM, _FUNC = 4, 6, 12
_WORDS_OF_KIND = {1: 1, 3: 3, 14: 1, 17: 1}
_WORDS_OF_EACH = {4: 3, 5: 3, 6: 2, 13: 2, 15: 3, 19: 3}
"""By kind of type, the 32-bit words after its ``struct btf_type``: once, and for each of its vlen entries."""


def names_in(path: Path, names: Collection[str]) -> frozenset[str]:
    """Those of ``names`` that a BTF has, of whatever kind (2 ms for each); OSError where it cannot be read.

    Only its strings are read, less than half of it: the kernel hands out 4 KiB at a time.
    """
    with path.open("rb") as file:
        _, _, _, header, _, _, start, size = _HEADER.unpack(file.read(_HEADER.size))
        file.seek(header + start)
        strings = file.read(size)
    return frozenset(name for name in names if b"\0%s\0" % name.encode() in strings)


class Btf:
    """The types and the names of one BTF. A walk over those of a whole kernel takes 0.1 s."""

    def __init__(self, data: bytes) -> None:
        _, _, _, header, types, types_size, start, size = _HEADER.unpack_from(data)
        self._types_data = data[header + types : header + types + types_size]
        self._strings = data[header + start : header + start + size]

    @cached_property
    def _words(self) -> array[int]:
        """The types, which many a question does without."""
        return array("I", self._types_data)

    @classmethod
    def read(cls, path: Path | None = None) -> Btf:
        """That of a file, or of the running kernel; ObserveError if it cannot be read."""
        try:
            return cls((path or VMLINUX).read_bytes())
        except OSError as error:
            raise ObserveError(f"{path or VMLINUX} cannot be read: {error.strerror}") from None

    def parameters(self, functions: Collection[str]) -> dict[str, int]:
        """How many parameters each of these functions takes; those it does not name are left out."""
        offsets = {self._offset_of(name): name for name in functions}
        offsets.pop(0, None)
        starts, prototypes = [0], {}
        for at, kind, _ in self._types():
            starts.append(at)
            if kind == _FUNC and (name := offsets.get(self._words[at])):
                prototypes[name] = self._words[at + 2]
        return {name: self._words[starts[number] + 1] & 0xFFFF for name, number in prototypes.items()}

    def offset(self, structure: str, member: str) -> int | None:
        """How many bytes into a structure a member of it lies; None where it names none such."""
        wanted, field = self._offset_of(structure), self._offset_of(member)
        for at, kind, entries in self._types():
            if kind == _STRUCT and wanted and self._words[at] == wanted:
                for entry in range(at + 3, at + 3 + 3 * entries, 3):
                    if field and self._words[entry] == field:
                        return (self._words[entry + 2] & 0xFFFFFF) // 8  # the rest: a bit field's width
        return None

    def enum_with(self, first: str) -> dict[str, int]:
        """Every enumerator of the enum that begins with ``first``, which need not have a name; {} if none."""
        wanted = self._offset_of(first)
        for at, kind, entries in self._types():
            if kind == _ENUM and entries and self._words[at + 3] == wanted:
                pairs = self._words[at + 3 : at + 3 + 2 * entries]
                return dict(zip(map(self._name, pairs[::2]), pairs[1::2], strict=True))
        return {}

    def _types(self) -> Iterator[tuple[int, int, int]]:
        """Where each type begins among the words, its kind and its number of entries (BTF_INFO_VLEN)."""
        at, words = 0, self._words
        while at < len(words):
            info = words[at + 1]
            kind, entries = info >> 24 & 0x1F, info & 0xFFFF
            yield at, kind, entries
            at += 3 + _WORDS_OF_KIND.get(kind, 0) + _WORDS_OF_EACH.get(kind, 0) * entries

    def _offset_of(self, name: str) -> int:
        """Where a name stands among the strings, each of which is there once; 0 where it does not."""
        return self._strings.find(b"\0%s\0" % name.encode()) + 1

    def _name(self, offset: int) -> str:
        return self._strings[offset : self._strings.index(b"\0", offset)].decode()
