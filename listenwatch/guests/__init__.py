"""Guests: stock Debian kernels, fetched with apt and booted with virtme-ng on the host's root.

``apt`` finds out what the mirrors hold, ``kernels`` keeps unpacked kernels in the cache and ``headers`` their headers,
``accel`` decides between KVM and emulation, ``boot`` runs one command in one guest.
"""

from __future__ import annotations

from listenwatch.errors import GuestError
from listenwatch.guests.accel import Accel
from listenwatch.guests.boot import run
from listenwatch.guests.headers import fetch_headers
from listenwatch.guests.kernels import GuestKernel, KernelOffer, available, fetch

__all__ = ["Accel", "GuestError", "GuestKernel", "KernelOffer", "available", "fetch", "fetch_headers", "run"]
