"""The architectures that a guest may have: what Debian, the kernel and QEMU each call them."""

import platform
from functools import cache
from typing import NamedTuple

from listenwatch.errors import UsageError
from listenwatch.guests.apt import output, tool


class Architecture(NamedTuple):
    """One architecture: Debian's name, what ``uname -m`` says, and the Debian packages of its emulator."""

    name: str
    machine: str
    emulator_packages: str

    @property
    def is_own(self) -> bool:
        """Whether this machine runs its programs."""
        return self == own()

    def emulator(self) -> str:
        """The path of its emulator; GuestError names the packages that have it."""
        return tool(f"qemu-system-{self.machine}", self.emulator_packages)


KNOWN = (
    Architecture("amd64", "x86_64", "qemu-system-x86"), Architecture("arm64", "aarch64", "qemu-system-arm"),
    Architecture("riscv64", "riscv64", "qemu-system-misc opensbi"),
)  # fmt: skip
"""Those that a guest may have on any machine; on a machine of another one its own too."""


@cache
def own() -> Architecture:
    """This machine's."""
    machine = platform.machine()
    by_machine = {architecture.machine: architecture for architecture in KNOWN}
    if machine in by_machine:
        return by_machine[machine]
    return Architecture(output(tool("dpkg", "dpkg"), "--print-architecture").strip(), machine, "qemu-system")


def named(name: str | None) -> Architecture:
    """The one of that name, Debian's or ``uname -m``'s, or this machine's own."""
    if name is None:
        return own()
    for architecture in (*KNOWN, own()):
        if name in architecture[:2]:
            return architecture
    raise UsageError(f"no guest has the architecture {name!r}: give {', '.join(a.name for a in KNOWN)}")
