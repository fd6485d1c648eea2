"""Kernel modules that looking into sockets loads by itself: taken out again if they came with us."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from listenwatch.linux import libc

# The kernel loads these on demand: sock_diag those of diag, TCP_ULP tls, AF_PACKET af_packet,
# /dev/net/tun tun, a device of two ends veth, and socket() that of its family. A module stands before
# those it uses.
_FAMILIES = (
    "vmw_vsock_vmci_transport", "vmw_vmci", "vsock_loopback", "vmw_vsock_virtio_transport",
    "vmw_vsock_virtio_transport_common", "vsock", "sctp", "af_key", "af_alg", "can_bcm", "can_raw",
    "can", "kcm", "l2tp_ip", "l2tp_core",
)  # fmt: skip
OURS = ("tcp_diag", "inet_diag", "unix_diag", "tls", "af_packet", "tun", "veth", *_FAMILIES)


def loaded_modules() -> set[str]:
    """The names in /proc/modules; empty for a kernel without modules."""
    try:
        lines = Path("/proc/modules").read_text().splitlines()
    except OSError:
        return set()
    return {line.split(" ", 1)[0] for line in lines}


@contextlib.contextmanager
def unload_what_was_loaded() -> Iterator[None]:
    """Unload, at the end, the modules of OURS that were not loaded before; one in use stays."""
    before = loaded_modules()
    try:
        yield
    finally:
        for name in OURS:
            if name in loaded_modules() - before:
                libc.delete_module(name)
