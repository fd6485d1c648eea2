"""In which series a listener is counted: its own, or where it does not last that of all short-lived ones."""

import re
import time
from collections.abc import Callable
from pathlib import Path

from listenwatch.bpf.overflow import Counted
from listenwatch.exporter.labels import Labels, ephemeral
from listenwatch.exporter.names import Names, unnamed
from listenwatch.exporter.series import SeriesTable
from listenwatch.linux.sock_diag import Listener

_AUTOBOUND = re.compile("@[0-9a-f]{5}", re.ASCII)  # unix_autobind(), net/unix/af_unix.c
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def local_ports() -> range:
    """The ports from which the kernel chooses one in this network namespace; none where that cannot be read."""
    try:
        low, high = map(int, _RANGE.read_text().split())
    except OSError:
        return range(0)
    return range(low, high + 1)


class Placing:
    """By rule: a listener whose port or name the kernel may have chosen, younger than ``young`` seconds, has no own series."""

    def __init__(
        self, names: Names, table: SeriesTable, young: float, ports: range, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.names, self.table = names, table
        self._young, self._ports, self._clock = young, ports, clock

    def of(self, listener: Listener) -> Labels:
        """Of a listener that ``names`` has learned."""
        known = self.names.of(listener)
        is_young = self._clock() - known.since < self._young
        return self._folded(known.labels) if is_young else known.labels

    def of_gone(self, counted: Counted) -> Labels | None:
        """Of a count whose listener is gone; None if it was never seen."""
        labels = self.names.of_gone(counted)
        return labels and self._folded(labels)

    def of_unseen(self, counted: Counted) -> Labels:
        """Of a count whose listener nobody saw: by its address alone."""
        return self._folded(unnamed(counted))

    def _folded(self, labels: Labels) -> Labels:
        """One that has a series already keeps it: its server was started anew."""
        if self._young and self._is_of_kernels_choice(labels) and labels not in self.table:
            return ephemeral(labels)
        return labels

    def _is_of_kernels_choice(self, labels: Labels) -> bool:
        if labels.port:
            return labels.port.isdecimal() and int(labels.port) in self._ports
        return not labels.address or bool(_AUTOBOUND.fullmatch(labels.address))
