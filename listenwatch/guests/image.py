"""A kernel as an emulated machine starts it soonest: unpacked beforehand, instead of by itself.

The image of x86 unpacks itself at every boot. That is half of the time until its first line where each
instruction is emulated, and QEMU starts an unpacked kernel as well, at its PVH entry. What is lost is
KASLR, which the unpacking code does; with KVM, where unpacking takes no time, the image boots as it is.
"""

import contextlib
import lzma
import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

#: Documentation/x86/boot.rst: the size of the setup code in sectors, the magic, and where the
#: packed kernel lies behind the setup code.
SETUP_SECTORS, MAGIC, PAYLOAD = 0x1F1, 0x202, 0x248
#: The type of the ELF note with the PVH entry: XEN_ELFNOTE_PHYS32_ENTRY of Linux's xen/interface/elfnote.h.
PVH_NOTE = struct.pack("<III", 4, 8, 18) + b"Xen\0"
PVH_NOTE_4 = struct.pack("<III", 4, 4, 18) + b"Xen\0"


def unpacked(image: Path) -> Path:
    """The kernel in ``image``, unpacked once and kept beside it; ``image`` itself where that cannot be started."""
    kept = image.with_name(image.name + ".unpacked")
    if kept.exists():
        return kept
    elf = unpack(image.read_bytes())
    if elf is None or not (PVH_NOTE in elf or PVH_NOTE_4 in elf):
        return image
    return keep(kept, elf)


def unpack(image: bytes) -> bytes | None:
    """The ELF file in a bzImage packed with xz or zstd; None if it is none, or packed otherwise."""
    if image[MAGIC : MAGIC + 4] != b"HdrS":
        return None
    offset, length = struct.unpack_from("<II", image, PAYLOAD)
    start = (image[SETUP_SECTORS] + 1) * 512 + offset
    packed = image[start : start + length - 4]  # the unpacked size follows
    if packed.startswith(b"\xfd7zXZ\0"):
        return lzma.decompress(packed)
    if packed.startswith(b"\x28\xb5\x2f\xfd") and (zstd := shutil.which("zstd")):
        return subprocess.run([zstd, "-dc"], input=packed, capture_output=True, check=True).stdout
    return None


def keep(place: Path, content: bytes) -> Path:
    """Write ``content`` to ``place`` in the cache: whole, or not at all."""
    with tempfile.NamedTemporaryFile(dir=place.parent, prefix=".part-") as part:
        part.write(content)
        part.flush()
        with contextlib.suppress(FileExistsError):  # another process was sooner
            os.link(part.name, place)
    return place
