"""What the filter forbids a process that only watches, by machine and for real; and that the numbers are the kernel's."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from listenwatch.linux.libc import CLONE_NEWNET, CLONE_NEWUSER
from listenwatch.seccomp import confinement
from listenwatch.seccomp.classic_bpf import ALLOW, failing
from listenwatch.seccomp.confinement import FORBIDDEN, Numbers, program
from listenwatch.seccomp.filter import ABIS
from tests import ROOT
from tests.helpers.filters import run
from tests.require import require

EPERM, ENOSYS = failing(errno.EPERM), failing(errno.ENOSYS)
CLONE_THREAD = 0x10000
BY_ARGUMENT = {
    "bpf": confinement._BPF, "setns": confinement._SETNS, "clone": confinement._CLONE, "openat": confinement._OPENAT,
    "open": confinement._OPEN, "clone3": confinement._UNREADABLE[0], "openat2": confinement._UNREADABLE[1],
}  # fmt: skip


def verdict(machine: str, number: int | None, *arguments: int, arch: int = 0) -> int:
    assert number is not None
    return run(program(machine), arch or ABIS[machine][0].audit_arch, number, *arguments)


@pytest.mark.parametrize("machine", ABIS)
def test_what_is_forbidden_fails_and_all_else_is_allowed(machine: str) -> None:
    forbidden = {number for numbers in FORBIDDEN.values() if (number := numbers.on(machine)) is not None}
    special = {number for numbers in BY_ARGUMENT.values() if (number := numbers.on(machine)) is not None}
    assert {verdict(machine, number) for number in forbidden} == {EPERM}
    assert {verdict(machine, number) for number in set(range(1024)) - forbidden - special} == {ALLOW}
    assert all(max(if_true, if_false) < 256 for _, if_true, if_false, _ in program(machine))


@pytest.mark.parametrize("machine", ABIS)
def test_what_depends_on_an_argument(machine: str) -> None:
    def of(name: str, *arguments: int) -> int:
        return verdict(machine, BY_ARGUMENT[name].on(machine), *arguments)

    assert [of("bpf", command) for command in range(40)].count(ALLOW) == 6
    assert {of("bpf", command) for command in (1, 2, 3, 4, 15, 25)} == {ALLOW}
    assert of("setns", 3, CLONE_NEWNET) == ALLOW
    assert of("setns", 3, 0) == of("setns", 3, CLONE_NEWNET | CLONE_NEWUSER) == EPERM
    assert (of("clone", CLONE_THREAD | 0x100), of("clone", 17), of("clone3", 17)) == (ALLOW, EPERM, ENOSYS)
    read = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_DIRECTORY
    assert (of("openat", 3, 0, read), of("openat", 3, 0, os.O_RDWR), of("openat2", 3)) == (ALLOW, EPERM, ENOSYS)
    if BY_ARGUMENT["open"].on(machine) is not None:
        assert (of("open", 0, read), of("open", 0, os.O_CREAT)) == (ALLOW, EPERM)


@pytest.mark.parametrize("machine", ABIS)
def test_calls_by_another_convention_fail(machine: str) -> None:
    for abi in ABIS[machine][1:]:
        assert verdict(machine, 39, arch=abi.audit_arch) == EPERM
    assert verdict(machine, 39 | 0x4000_0000) == EPERM


@pytest.mark.parametrize(
    ("header", "field"), [("x86_64-linux-gnu/asm/unistd_64.h", "x86_64"), ("asm-generic/unistd.h", "generic")]
)
def test_the_numbers_are_those_of_the_kernels_headers(header: str, field: str) -> None:
    path = Path("/usr/include", header)
    require("headers", path.exists(), f"linux-libc-dev of this machine has no {header}")
    there = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+) (\d+)\n", path.read_text())}
    ours = {name: getattr(numbers, field) for name, numbers in {**FORBIDDEN, **BY_ARGUMENT}.items()}
    assert ours == {name: there.get(name) for name in ours}


TRIED = """if True:
    import ctypes, errno, os, threading
    from listenwatch.seccomp import confinement
    started, ended = threading.Event(), threading.Event()
    earlier = threading.Thread(target=lambda: (ended.wait(), refused(os.fork)))
    earlier.start()

    def refused(function, *arguments, errors=(errno.EPERM,)):
        try:
            function(*arguments)
        except OSError as error:
            assert error.errno in errors, (function, arguments, error)
            print("refused", flush=True)

    def call(name, *arguments):
        number = {**confinement.FORBIDDEN, "bpf": confinement._BPF}[name].on(os.uname().machine)
        confinement.libc.syscall(number, *arguments)

    confinement.confine()
    refused(os.fork)
    refused(os.execv, "/bin/true", ["true"])
    refused(os.open, "/dev/null", os.O_RDWR)
    refused(os.mkdir, "/tmp/not-made-by-listenwatch")
    refused(call, "ptrace", 0, 0, 0, 0)
    refused(call, "io_uring_setup", 0, 0)
    refused(call, "bpf", 5, 0, 0)
    ended.set()
    earlier.join()
    later = threading.Thread(target=refused, args=(call, "keyctl", 0))
    later.start()
    later.join()
    status = open("/proc/self/status").read()
    assert "Seccomp:\\t2" in status and "NoNewPrivs:\\t1" in status
    print("reads", flush=True)
"""


def test_in_a_process_every_thread_is_refused_and_reading_goes_on() -> None:
    done = subprocess.run([sys.executable, "-c", TRIED], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["refused"] * 9 + ["reads"]


def test_a_number_that_is_not_there() -> None:
    assert Numbers(2, None).on("riscv64") is None
