"""The headers of a cached kernel, for what is compiled in a guest: bcc's programs, kernel modules.

They come from the same mirror and in the same version as the kernel, unpacked once into
``<cache>/headers/<Debian version>/``.
"""

import re
import tempfile
from pathlib import Path

from listenwatch.errors import GuestError
from listenwatch.guests import kernels
from listenwatch.guests.apt import Progress
from listenwatch.guests.cache import lock, place_of


def fetch_headers(kernel: kernels.GuestKernel, *, mirror: str | None = None, progress: Progress) -> Path:
    """The root of the unpacked headers of ``kernel``: ``usr/src`` and the links of ``lib/modules``.

    GuestError where the mirror has moved on to another version: headers of another one do not fit.
    """
    place = place_of(kernel.architecture) / "headers" / kernel.version
    with lock():
        if place.exists():
            return place
        apt = kernels.private_apt(mirror, kernel.architecture)
        apt.update(progress)
        wanted = f"linux-headers-{kernel.release}={kernel.version}"
        entry = next(kernels.paragraphs(apt.show(wanted)), None)
        if entry is None:
            raise GuestError(f"the mirror no longer has the headers of {kernel.version}: remove "
                             f"{kernel.directory}, and the kernel is fetched anew with them")  # fmt: skip
        needs = re.findall(r"linux-(?:headers|kbuild|compiler)[^ ,(]+", entry["Depends"])
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=place.parent) as name:
            progress(f"downloading the headers of Linux {kernel.version}")
            apt.download([wanted, *needs], Path(name))
            for package in sorted(Path(name).glob("*.deb")):
                kernels.call("dpkg-deb", "dpkg", "-x", str(package), f"{name}/root")
            Path(name, "root").rename(place)
    return place
