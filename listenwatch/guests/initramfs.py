"""What a guest boots into: busybox, the modules up to its file systems, and a script that mounts them.

The part that is the same for every boot of a kernel is built once and kept beside it. virtme-ng writes the
cpio archives; its own initramfs and init, made for any distribution, take twice the time of the kernel.
"""

import hashlib
import io
import lzma
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from listenwatch.errors import GuestError
from listenwatch.guests.apt import tool
from listenwatch.guests.image import keep
from listenwatch.guests.kernels import GuestKernel

INIT = r"""#!/bin/sh
# Written by listenwatch. busybox runs its own tools without starting a program: under emulation
# that is what takes the time.
mount -t proc proc /proc
modprobe -a @MODULES@
. /mounts/root
mount -a -T /mounts/system
[ -d /newroot/proc/self ] || { echo "listenwatch: cannot mount this machine's files"; poweroff -f; }
. /mounts/all
echo listenwatch >/proc/sys/kernel/hostname
printf '\n127.0.0.1 listenwatch\n::1 listenwatch\n' >>/newroot/etc/hosts
ip link set lo up
cp -a /links/. /newroot/dev/
cp -a /bin/busybox /script /newroot/run/listenwatch/
exec switch_root /newroot /run/listenwatch/busybox sh /run/listenwatch/script
"""
#: What a program expects in /dev and the kernel does not make.
LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}
DIRECTORIES = ("bin", "dev", "forgotten", "host", "lib", "lib/modules", "links", "lower", "mounts", "newroot", "proc")
TOOLS = ("cat", "cp", "ip", "mkdir", "modprobe", "mount", "poweroff", "printf", "sh", "switch_root")


def archive(files: Mapping[str, bytes]) -> bytes:
    """A cpio archive of ``files``, to be appended to another one."""
    from virtme.cpiowriter import CpioWriter

    written = io.BytesIO()
    writer = CpioWriter(written)
    for name, content in files.items():
        writer.write_file(os.fsencode(name), content, 0o644)
    writer.write_trailer()
    return written.getvalue()


def base(kernel: GuestKernel, transport: str, busybox: Path) -> Path:
    """The archive for every boot of ``kernel``, built if it is not there; ``transport`` is how QEMU's devices come."""
    state = busybox.stat()
    key = hashlib.sha256(f"{INIT}{LINKS}{transport}{state.st_mtime_ns}{state.st_size}".encode()).hexdigest()[:12]
    kept = kernel.directory / f"initramfs-{key}"
    return kept if kept.exists() else keep(kept, _build(kernel, busybox, transport))


def _build(kernel: GuestKernel, busybox: Path, transport: str) -> bytes:
    from virtme.cpiowriter import CpioWriter

    program = busybox.read_bytes()
    if b"/ld-" in program[:4096]:
        raise GuestError(f"{busybox} needs libraries, which a guest's first file system lacks: "
                         "run 'apt-get install busybox-static'")  # fmt: skip
    modules = [Path(path) for path in needed_modules(kernel, ("9p", "9pnet_virtio", "virtio_console", "overlay", transport))]
    written = io.BytesIO()
    writer = CpioWriter(written)
    for name in (*DIRECTORIES, f"lib/modules/{kernel.release}"):
        writer.mkdir(name.encode(), 0o755)
    writer.mkchardev(b"dev/console", (5, 1), 0o600)
    writer.mkchardev(b"dev/null", (1, 3), 0o666)
    writer.write_file(b"bin/busybox", program, 0o755)
    for name in TOOLS:
        writer.symlink(b"busybox", f"bin/{name}".encode())
    for name, target in LINKS.items():
        writer.symlink(target.encode(), f"links/{name}".encode())
    names = [path.name.partition(".ko")[0] for path in modules]
    for name, path in zip(names, modules, strict=True):
        writer.write_file(f"lib/modules/{kernel.release}/{name}.ko".encode(), _module(path), 0o644)
    # They stand in the order in which they can be loaded.
    listed = "".join(f"{name}.ko:\n" for name in names)
    writer.write_file(f"lib/modules/{kernel.release}/modules.dep".encode(), listed.encode(), 0o644)
    writer.write_file(b"init", INIT.replace("@MODULES@", " ".join(names)).encode(), 0o755)
    writer.write_trailer()
    return written.getvalue()


def needed_modules(kernel: GuestKernel, names: tuple[str, ...]) -> list[str]:
    """The files of modules ``names`` and of those they need, each once, in order; none for what is built in."""
    files: dict[str, None] = {}
    for name in names:
        shown = subprocess.run(
            [tool("modprobe", "kmod"), "-C", "/dev/null", "-d", str(kernel.modules.parents[2]), "-S", kernel.release,
             "--show-depends", name],
            capture_output=True, text=True,
        )  # fmt: skip
        if shown.returncode != 0:
            raise GuestError(f"Linux {kernel.release} has no module {name}, which a guest needs to see this machine's "
                             "files: take a kernel with it (Debian's cloud kernels lack it)")  # fmt: skip
        for line in shown.stdout.splitlines():
            how, _, path = line.strip().partition(" ")
            if how == "insmod":
                files[path.strip()] = None
    return list(files)


def _module(path: Path) -> bytes:
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content
