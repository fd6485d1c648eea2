"""Guests: stock Debian kernels, fetched with apt and booted on the host's root.

``apt`` finds out what the mirrors hold, ``kernels`` keeps unpacked kernels in the cache and ``headers`` their headers,
``accel`` decides between KVM and emulation, ``machine``, ``image``, ``initramfs``, ``mounts`` and ``script`` each
prepare one part of a guest, ``boot`` runs one command in it. ``architectures`` names those that a guest may have,
``userland`` has the programs for another one than this machine's. virtme-ng writes the cpio archives and knows the
machines of other architectures than x86; what else it did is replaced, as its init took longer than the kernel.
"""

from listenwatch.errors import GuestError
from listenwatch.guests.accel import Accel
from listenwatch.guests.boot import run
from listenwatch.guests.headers import fetch_headers
from listenwatch.guests.kernels import GuestKernel, KernelOffer, available, fetch
from listenwatch.guests.userland import fetch_userland

__all__ = ["Accel", "GuestError", "GuestKernel", "KernelOffer", "available", "fetch", "fetch_headers", "fetch_userland", "run"]
