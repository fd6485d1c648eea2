"""The filter, run instruction by instruction, for callers of every kind."""

from __future__ import annotations

import pytest

from listenwatch.errors import ObserveError
from listenwatch.seccomp.classic_bpf import ALLOW, NOTIFY
from listenwatch.seccomp.filter import ABIS, program
from tests.helpers.filters import run

X86_64, I386, X32, AARCH64, ARM, RISCV64 = 0xC000003E, 0x40000003, 0x40000000, 0xC00000B7, 0x40000028, 0xC00000F3


def verdict(machine: str, arch: int, number: int, *arguments: int) -> int:
    return run(program(machine), arch, number, *arguments)


@pytest.mark.parametrize(
    ("machine", "arch", "number", "arguments"),
    [
        ("x86_64", X86_64, 50, (3, 511)),
        ("x86_64", X86_64, 50 | X32, (3, 511)),
        ("x86_64", I386, 363, (3, 511)),
        ("x86_64", I386, 102, (4, 0xFFFF0000)),
        ("aarch64", AARCH64, 201, (3, 511)),
        ("aarch64", ARM, 284, (3, 511)),
        ("riscv64", RISCV64, 201, (3, 511)),
    ],
)
def test_listen_is_stopped(machine: str, arch: int, number: int, arguments: tuple[int, ...]) -> None:
    assert verdict(machine, arch, number, *arguments) == NOTIFY


@pytest.mark.parametrize("machine", ABIS)
def test_nothing_else_is(machine: str) -> None:
    for abi in ABIS[machine]:
        stopped = {number for number in range(1024) if verdict(machine, abi.audit_arch, number, 0) == NOTIFY}
        assert stopped == {number for number in abi.listen if number < 1024}
        if abi.socketcall is not None:
            asked = [n for n in range(30) if verdict(machine, abi.audit_arch, abi.socketcall, n) == NOTIFY]
            assert asked == [4]
    assert verdict(machine, 0x12345678, 50) == verdict(machine, 0x12345678, 363) == ALLOW


def test_a_jump_fits_its_byte() -> None:
    for machine in ABIS:
        assert all(max(if_true, if_false) < 256 for _, if_true, if_false, _ in program(machine))


def test_a_machine_that_is_not_known() -> None:
    with pytest.raises(ObserveError, match="s390x are not known"):
        program("s390x")
