"""What the kernel's BTF says of its functions."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

from listenwatch.engines import libbpf
from listenwatch.errors import ObserveError

VMLINUX = Path("/sys/kernel/btf/vmlinux")

_KIND_FUNC = 12  # BTF_KIND_FUNC, include/uapi/linux/btf.h


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


def parameters(functions: Iterable[str], path: Path = VMLINUX) -> dict[str, int]:
    """How many parameters each of these functions takes; those BTF does not name are left out."""
    bpf = libbpf.load_library()
    btf = bpf.btf__parse(os.fsencode(path), None)
    if not btf:
        reason = os.strerror(ctypes.get_errno())
        raise ObserveError(f"{path} cannot be read ({reason}): use --attach kprobe or tracepoint")
    try:
        numbers = {name: bpf.btf__find_by_name_kind(btf, name.encode(), _KIND_FUNC) for name in functions}

        def described(number: int) -> _Type:
            return _Type.from_address(bpf.btf__type_by_id(btf, number))

        return {
            name: described(described(number).type).vlen
            for name, number in numbers.items()
            if number > 0
        }
    finally:
        bpf.btf__free(btf)
