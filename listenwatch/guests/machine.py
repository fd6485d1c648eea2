"""QEMU's command line for one guest: a small machine with shared directories and five ports."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from listenwatch.guests.architectures import Architecture
from listenwatch.guests.mounts import Share

#: The numbers of the ports, in the guest ``/dev/vport*pN``.
STDIN, STDOUT, STDERR, STATUS = 1, 2, 3, 4


class Machine(NamedTuple):
    """What differs between architectures and between KVM and emulation."""

    emulator: str
    options: tuple[str, ...]
    console: str
    bus: str
    kernel_options: tuple[str, ...]


# Features that cost an emulated machine much and show nothing: five-level page tables, the checks at
# every change between user and kernel, protection keys, and "rep movsb" as the way to copy, which is emulated byte by byte.
_EMULATED_X86 = "max,la57=off,smap=off,smep=off,umip=off,pku=off,erms=off"


# The last without what later ones have and emulation takes long for: pointers that are signed, vectors of any length.
_EMULATED_ARM64 = "cortex-a72"

# One thread for all processors: with more, QEMU now and then runs an int3 that the kernel, which changes
# its own code at every static key, has taken out again on all processors, and the guest panics.
_EMULATION = "tcg,thread=single,tb-size=512"


def machine(architecture: Architecture, kvm: bool) -> Machine:
    """The machine to emulate, or to run with KVM."""
    emulator = architecture.emulator()
    accel = ("-accel", "kvm" if kvm else _EMULATION)
    if "86" in architecture.machine:
        kind = ("-machine", "pc,usb=off,smbus=off,vmport=off", *accel, "-cpu", "host" if kvm else _EMULATED_X86)
        # The kernel measures how fast the TSC counts, wrongly where this machine is busy, and its time would then run
        # several times too fast. QEMU's other clocks count as they say.
        return Machine(emulator, kind, "ttyS0", "pci", () if kvm else ("tsc=unstable", "no_timer_check"))
    if architecture.name == "arm64":
        kind = ("-machine", "virt" + ",gic-version=host" * kvm, *accel, "-cpu", "host" if kvm else _EMULATED_ARM64)
        return Machine(emulator, kind, "ttyAMA0", "device", ())
    if architecture.name == "riscv64":
        return Machine(emulator, ("-machine", "virt", *accel, *(("-cpu", "host") if kvm else ())), "ttyS0", "device", ())
    from virtme import architectures

    arch = architectures.get(architecture.machine)
    bus = "device" if arch.virtio_dev_type("9p").endswith("-device") else "pci"
    return Machine(emulator, (*accel, *arch.qemuargs(True, kvm, False)), arch.serial_console_args()[0], bus, ())


def transport(shape: Machine) -> str:
    """The module by which the kernel finds the machine's devices."""
    return "virtio_pci" if shape.bus == "pci" else "virtio_mmio"


def command_line(
    shape: Machine, kernel: Path, initramfs: Path, shares: Sequence[Share], *, status: int, stderr: int,
    memory_mib: int, cpus: int, append: Sequence[str],
) -> list[str]:  # fmt: skip
    """QEMU's command line. ``status`` and ``stderr`` are descriptors that QEMU inherits; the console is its stderr."""
    return [
        shape.emulator, "-name", "listenwatch", *shape.options, "-smp", str(cpus), "-m", f"{memory_mib}M",
        "-nodefaults", "-display", "none", "-no-reboot",
        *(option for share in shares for option in _share(share, shape.bus)),
        "-chardev", "file,id=console,path=/proc/self/fd/2", "-serial", "chardev:console",
        "-device", f"virtio-serial-{shape.bus}",
        *_port(STDIN, "stdio,signal=off"),
        *_port(STDOUT, "file,path=/proc/self/fd/1"),
        *_port(STDERR, f"file,path=/proc/self/fd/{stderr}"),
        *_port(STATUS, f"file,path=/proc/self/fd/{status}"),
        "-kernel", str(kernel), "-initrd", str(initramfs),
        "-append", " ".join(kernel_options(shape, append)),
    ]  # fmt: skip


def kernel_options(shape: Machine, append: Sequence[str]) -> list[str]:
    """The kernel's command line.

    Waiting for grace periods and the mitigations' page table switches would be a fifth of the time.
    """
    return [
        f"console={shape.console}", "loglevel=5", "panic=-1", "rcupdate.rcu_expedited=1", "mitigations=off",
        *shape.kernel_options, *append,
    ]  # fmt: skip


def _share(share: Share, bus: str) -> list[str]:
    path = str(share.directory).replace(",", ",,")
    writing = [] if share.writable else ["readonly=on"]
    options = ",".join(["local", f"id={share.name}", f"path={path}", "security_model=none", "multidevs=remap", *writing])
    return ["-fsdev", options, "-device", f"virtio-9p-{bus},fsdev={share.name},mount_tag={share.tag}"]


def _port(number: int, backend: str) -> list[str]:
    kind, _, rest = backend.partition(",")
    chardev = ["-chardev", f"{kind},id=port{number},{rest}"]
    return [*chardev, "-device", f"virtserialport,nr={number},chardev=port{number}"]
