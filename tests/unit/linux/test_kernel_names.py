"""Which names a kernel has, in a BTF made for the purpose and in a list of symbols."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from listenwatch.linux.btf import BTF, Btf
from listenwatch.linux.kernel_names import NAMES, kernel_names
from listenwatch.model.history import Kind

INT, PTR, STRUCT, ENUM, FUNC, PROTO = 1, 2, 4, 6, 12, 13


class Made:
    """A BTF: strings and types in the order they were added (include/uapi/linux/btf.h)."""

    def __init__(self) -> None:
        self.strings = b"\0"
        self.types = b""

    def name(self, text: str) -> int:
        at = len(self.strings)
        self.strings += text.encode() + b"\0"
        return at

    def type(self, name: int, kind: int, entries: int, last: int, *words: int) -> None:
        self.types += struct.pack(f"=III{len(words)}I", name, kind << 24 | entries, last, *words)

    def write(self, root: Path) -> Path:
        """As the BTF of the machine under ``root``."""
        path = root / BTF
        path.parent.mkdir(parents=True, exist_ok=True)
        start, size = len(self.types), len(self.strings)
        header = struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, start, start, size)
        path.write_bytes(header + self.types + self.strings)
        return root


def made(taken: int, *names: str) -> Made:
    """A BTF with these names, and inet_csk_listen_start() with so many parameters, after types of each size."""
    btf = Made()
    btf.type(btf.name("int"), INT, 0, 4, 32)
    btf.type(btf.name("sock"), STRUCT, 2, 8, *(btf.name("a"), 1, 0), *(btf.name("b"), 1, 32))
    btf.type(0, PTR, 0, 2)
    btf.type(0, ENUM, 1, 4, btf.name("FIRST"), 0)
    btf.type(0, PROTO, taken, 1, *[btf.name("sk"), 3] * taken)
    btf.type(btf.name("other"), FUNC, 1, 3)
    btf.type(btf.name("inet_csk_listen_start"), FUNC, 1, 5)
    for name in names:
        btf.name(name)
    return btf


def test_names_are_whole_names(tmp_path: Path) -> None:
    near = ("inet6_hash", "not__inet_listen_sk", "__inet_listen_sk2", "listening_hash")
    has = kernel_names(made(1, *near).write(tmp_path), signatures=False)
    assert has.keys() == {name for name, kind in NAMES.items() if kind is not Kind.SIGNATURE}
    assert {name for name, value in has.items() if value} == {"inet6_hash", "listening_hash"}


@pytest.mark.parametrize("taken", [1, 2])
def test_a_signature_is_told_by_its_parameters(taken: int, tmp_path: Path) -> None:
    has = kernel_names(made(taken).write(tmp_path), signatures=True)
    assert has["inet_csk_listen_start(sk)"] is (taken == 1)


def test_parameters(tmp_path: Path) -> None:
    btf = Btf.read(made(2).write(tmp_path) / BTF)
    assert btf.parameters(["inet_csk_listen_start", "sock", "no_such_name"]) == {"inet_csk_listen_start": 2}


def test_members_and_enumerators(tmp_path: Path) -> None:
    btf = Btf.read(made(2).write(tmp_path) / BTF)
    assert btf.offset("sock", "b") == 4
    assert btf.offset("sock", "no_such_name") is btf.offset("no_such_name", "b") is None
    assert btf.enum_with("FIRST") == {"FIRST": 0}
    assert btf.enum_with("b") == btf.enum_with("no_such_name") == {}


def test_a_function_that_btf_does_not_name_has_no_signature(tmp_path: Path) -> None:
    assert "inet_csk_listen_start(sk)" not in kernel_names(Made().write(tmp_path), signatures=True)


def test_without_btf_symbols_tell_of_functions(tmp_path: Path) -> None:
    kallsyms = tmp_path / "proc/kallsyms"
    kallsyms.parent.mkdir()
    kallsyms.write_text("0 T inet6_hash\n0 t not__inet_listen_sk\n0 T __inet_listen_sk.cold\n")
    has = kernel_names(tmp_path, signatures=True)
    assert has.keys() == {name for name, kind in NAMES.items() if kind is Kind.FUNCTION}
    assert [name for name, value in has.items() if value] == ["inet6_hash"]
    kallsyms.write_text("")
    assert kernel_names(tmp_path, signatures=True) == {}


def test_where_nothing_can_be_read_nothing_is_known(tmp_path: Path) -> None:
    assert kernel_names(tmp_path, signatures=True) == {}


@pytest.mark.skipif(not Path("/", BTF).exists(), reason="this kernel has no BTF")
def test_this_kernel_names_what_every_kernel_with_btf_has() -> None:
    has = kernel_names(signatures=True)
    assert has.keys() == set(NAMES)
    assert has["__sys_listen"] and has["btf_trace_inet_sock_set_state"]
    assert has["BPF_SOCK_OPS_TCP_LISTEN_CB"]
    assert has["listening_hash"] <= has["inet6_hash"], "by port until v5.19, inet6_hash until v6.18"
