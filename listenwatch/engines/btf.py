"""What the kernel's BTF says of its functions and structures."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

from listenwatch.engines import libbpf
from listenwatch.errors import ObserveError

VMLINUX = Path("/sys/kernel/btf/vmlinux")

_KIND_STRUCT, _KIND_ENUM, _KIND_FUNC = 4, 6, 12  # include/uapi/linux/btf.h


class _Type(ctypes.Structure):
    """``struct btf_type``: for a function ``type`` is its prototype, whose ``info`` counts parameters."""

    _fields_ = (
        ("name_off", ctypes.c_uint32),
        ("info", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
    )

    @property
    def vlen(self) -> int:
        """BTF_INFO_VLEN."""
        return int(self.info) & 0xFFFF

    @property
    def kind(self) -> int:
        """BTF_INFO_KIND."""
        return int(self.info) >> 24 & 0x1F


class _Member(ctypes.Structure):
    """``struct btf_member``; ``offset`` counts bits."""

    _fields_ = (
        ("name_off", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("offset", ctypes.c_uint32),
    )


class _Enumerator(ctypes.Structure):
    """``struct btf_enum``."""

    _fields_ = (("name_off", ctypes.c_uint32), ("value", ctypes.c_int32))


class Btf:
    """A BTF file or an object that has one; a context manager. ObserveError if it cannot be read."""

    def __init__(self, path: Path = VMLINUX) -> None:
        self._bpf = libbpf.load_library()
        self._btf = self._bpf.btf__parse(os.fsencode(path), None)
        if not self._btf:
            raise ObserveError(f"{path} cannot be read: {os.strerror(ctypes.get_errno())}")

    def parameters(self, functions: Iterable[str]) -> dict[str, int]:
        """How many parameters each of these functions takes; those it does not name are left out."""
        found = {}
        for name in functions:
            number = self._find(name, _KIND_FUNC)
            if number > 0:
                prototype = _Type.from_address(self._address(number)).type
                found[name] = _Type.from_address(self._address(prototype)).vlen
        return found

    def offset(self, structure: str, member: str) -> int | None:
        """How many bytes into a structure a member of it lies; None where BTF names none such."""
        number = self._find(structure, _KIND_STRUCT)
        if number <= 0:
            return None
        address = self._address(number)
        members = (_Member * _Type.from_address(address).vlen).from_address(
            address + ctypes.sizeof(_Type)
        )
        for each in members:
            if self._name(each.name_off) == member.encode():
                return (int(each.offset) & 0xFFFFFF) // 8  # the rest is a bit field's width
        return None

    def enum_with(self, first: str) -> dict[str, int]:
        """Every enumerator of the enum that begins with ``first``, which need not have a name; {} if none."""
        wanted, start = first.encode(), ctypes.sizeof(_Type)
        for number in range(1, self._bpf.btf__type_cnt(self._btf)):
            address = self._address(number)
            this = _Type.from_address(address)
            if this.kind != _KIND_ENUM or not this.vlen:
                continue
            if self._name(_Enumerator.from_address(address + start).name_off) == wanted:
                members = (_Enumerator * this.vlen).from_address(address + start)
                return {self._name(each.name_off).decode(): int(each.value) for each in members}
        return {}

    def _name(self, offset: int) -> bytes:
        name: bytes = self._bpf.btf__name_by_offset(self._btf, offset)
        return name

    def _find(self, name: str, kind: int) -> int:
        number: int = self._bpf.btf__find_by_name_kind(self._btf, name.encode(), kind)
        return number

    def _address(self, number: int) -> int:
        address: int = self._bpf.btf__type_by_id(self._btf, number)
        return address

    def __enter__(self) -> Btf:
        return self

    def __exit__(self, *_: object) -> None:
        self._bpf.btf__free(self._btf)
