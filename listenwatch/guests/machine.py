"""QEMU's command line for one guest: a small machine with two shared directories and five ports."""

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from listenwatch.guests.accel import qemu
from listenwatch.guests.mounts import CWD_TAG, ROOT_TAG

#: The numbers of the ports, in the guest ``/dev/vport*pN``.
STDIN, STDOUT, STDERR, STATUS = 1, 2, 3, 4


class Machine(NamedTuple):
    """What differs between architectures and between KVM and emulation."""

    options: tuple[str, ...]
    console: str
    bus: str
    kernel_options: tuple[str, ...]


# Features that cost an emulated machine much and show nothing: five-level page tables, the checks at
# every change between user and kernel, protection keys.
_EMULATED_X86 = "max,la57=off,smap=off,smep=off,umip=off,pku=off"


# One thread for all processors: with more, QEMU now and then runs an int3 that the kernel, which changes
# its own code at every static key, has taken out again on all processors, and the guest panics.
_EMULATION = "tcg,thread=single,tb-size=512"


def machine(kvm: bool) -> Machine:
    """The machine to emulate, or to run with KVM, of this machine's own architecture."""
    if "86" in platform.machine():
        emulated = ("-accel", _EMULATION, "-cpu", _EMULATED_X86)
        virtual = ("-accel", "kvm", "-cpu", "host")
        kind = ("-machine", "pc,usb=off,smbus=off,vmport=off")
        # The kernel measures how fast the TSC counts, wrongly where this machine is busy, and its time would then run
        # several times too fast. QEMU's other clocks count as they say.
        return Machine((*kind, *(virtual if kvm else emulated)), "ttyS0", "pci",
                       () if kvm else ("tsc=unstable", "no_timer_check"))  # fmt: skip
    from virtme import architectures

    arch = architectures.get(platform.machine())
    accel = ("-accel", "kvm" if kvm else _EMULATION)
    bus = "device" if arch.virtio_dev_type("9p").endswith("-device") else "pci"
    return Machine((*accel, *arch.qemuargs(True, kvm, False)), arch.serial_console_args()[0], bus, ())


def transport(shape: Machine) -> str:
    """The module by which the kernel finds the machine's devices."""
    return "virtio_pci" if shape.bus == "pci" else "virtio_mmio"


def command_line(
    shape: Machine, kernel: Path, initramfs: Path, cwd: Path, *, status: int, stderr: int,
    memory_mib: int, cpus: int, append: Sequence[str],
) -> list[str]:  # fmt: skip
    """QEMU's command line. ``status`` and ``stderr`` are descriptors that QEMU inherits; the console is its stderr."""
    return [
        qemu(), "-name", "listenwatch", *shape.options, "-smp", str(cpus), "-m", f"{memory_mib}M",
        "-nodefaults", "-display", "none", "-no-reboot",
        *_share("root", Path("/"), ROOT_TAG, shape.bus, "readonly=on"),
        *([] if cwd == Path("/") else _share("cwd", cwd, CWD_TAG, shape.bus)),
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


def _share(name: str, directory: Path, tag: str, bus: str, *more: str) -> list[str]:
    path = str(directory).replace(",", ",,")
    options = ",".join(["local", f"id={name}", f"path={path}", "security_model=none", "multidevs=remap", *more])
    return ["-fsdev", options, "-device", f"virtio-9p-{bus},fsdev={name},mount_tag={tag}"]


def _port(number: int, backend: str) -> list[str]:
    kind, _, rest = backend.partition(",")
    chardev = ["-chardev", f"{kind},id=port{number},{rest}"]
    return [*chardev, "-device", f"virtserialport,nr={number},chardev=port{number}"]
