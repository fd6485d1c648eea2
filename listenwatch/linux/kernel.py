"""Which kernel this is: its release, the upstream version it was built from, whose it is, and what it names."""

import contextlib
import os
import re
from pathlib import Path
from typing import NamedTuple

from listenwatch.errors import ObserveError

VERSION_SIGNATURE = Path("/proc/version_signature")

Version = tuple[int, int, int]

_VENDORS = {
    r"\.el\d": "Red Hat, Oracle or one that rebuilds theirs",
    r"-(lp)?\d{3,}\.[\d.]+-\w+$": "SUSE",
    r"\.amzn\d": "Amazon",
    r"\.oe\d|\.hce\d": "openEuler or one that rebuilds theirs",
    r"\.(an|al|tl|ky|vz|lve)\d": "a vendor of another long-term kernel",
    r"-pve$": "Proxmox",
}
"""Releases by whose kernels they name. These take what they like from later ones and keep the number they
began with; Debian's, Ubuntu's and the stable trees' say what is in them."""


class Kernel(NamedTuple):
    """A kernel as recorded: uname -r, the upstream version it was built from, and which names of eras it ``has``."""

    release: str
    version: Version
    machine: str
    has: dict[str, bool]

    @property
    def text(self) -> str:
        """Release and machine, such as ``6.1.0-50-amd64 x86_64``."""
        return f"{self.release} {self.machine}"

    @property
    def series(self) -> str:
        """Major and minor number, such as ``6.1``."""
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def vendor(self) -> str:
        """Whose kernel it is if its release number proves nothing of what it took from later ones, else ""."""
        vendors = (who for pattern, who in _VENDORS.items() if re.search(pattern, self.release))
        return next(vendors, "")

    def check_watched(self) -> None:
        """ObserveError for a kernel that the probe does not watch."""
        if self.version < (5, 10, 0):
            raise ObserveError(
                f"the probe watches kernels from 5.10 on; this is {self.release} ({self.series}), "
                f"whose listen() 'listenwatch predict --kernel {self.series}' describes"
            )


def parse_version(release: str, build: str = "") -> Version:
    """The upstream version from uname -r and the build line.

    Distributions freeze uname -r (Debian's 6.1.0-50-amd64 is 6.1.192, Ubuntu's 5.15.0-91-generic
    is 5.15.131). Debian puts the real one in uname -v, Ubuntu in /proc/version_signature, which
    belongs to ``build`` where it exists. ValueError if nothing here is a version.
    """
    number = r"(\d+)\.(\d+)(?:\.(\d+))?"
    built = re.search(rf"(?:Debian|Ubuntu \S+) {number}", build)
    match = built or re.match(number, release)
    if not match:
        raise ValueError(f"not a kernel release: {release!r}")
    return int(match[1]), int(match[2]), int(match[3] or 0)


def release_of_kernel() -> Kernel:
    """The kernel this process runs on, by its release alone: what it names is not looked up."""
    system, signature = os.uname(), ""
    with contextlib.suppress(OSError):
        signature = VERSION_SIGNATURE.read_text()
    try:
        version = parse_version(system.release, f"{system.version} {signature}")
    except ValueError as error:
        raise ObserveError(f"cannot tell this kernel's version: {error}") from None
    return Kernel(system.release, version, system.machine, {})


def running_kernel() -> Kernel:
    """The kernel this process runs on."""
    from listenwatch.linux.kernel_names import (
        kernel_names,  # brings the model, which its release alone does without
    )

    kernel = release_of_kernel()
    return kernel._replace(has=kernel_names(signatures=bool(kernel.vendor)))
