"""The systemd .socket unit that a listener of process 1 was made for, and its Backlog=, as systemctl knows them."""

import shutil
import subprocess
import time
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from listenwatch.linux.processes import Process

BOOTED = Path("/run/systemd/system")
"""There if systemd is the init system (sd_booted(3))."""
_PROPERTIES = "Id,Listen,Backlog,Triggers"
_KINDS = (" (Stream)", " (SequentialPacket)")
_PATIENCE = 5.0  # seconds
_KEPT = 10  # seconds


class SocketUnit(NamedTuple):
    """A .socket unit; ``backlog`` is what it asks for, ``service`` the unit that it starts, empty if none."""

    name: str
    backlog: int
    service: str


def socket_unit_of(local: str, holders: Collection[Process]) -> SocketUnit | None:
    """The unit of a listener at this address that process 1 holds; None for one of somebody else, or not known."""
    if all(process.pid != 1 for process in holders) or not BOOTED.is_dir():
        return None
    return _known(int(time.monotonic()) // _KEPT).get(local)


@lru_cache(1)
def _known(_: int) -> dict[str, SocketUnit]:
    """Asked once in _KEPT seconds: there may be many listeners, and many intervals."""
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        return {}
    command = [systemctl, "show", "--no-pager", f"--property={_PROPERTIES}", "*.socket"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return by_address(shown.stdout)


def by_address(shown: str) -> dict[str, SocketUnit]:
    """The units of ``systemctl show`` by each address; none of an address that two of them have."""
    units: dict[str, SocketUnit] = {}
    ambiguous = set()
    for unit, addresses in _parsed(shown):
        for address in addresses:
            if units.setdefault(address, unit) != unit:
                ambiguous.add(address)
    return {address: unit for address, unit in units.items() if address not in ambiguous}


def _parsed(shown: str) -> Iterator[tuple[SocketUnit, list[str]]]:
    for block in shown.split("\n\n"):
        pairs = [line.split("=", 1) for line in block.splitlines() if "=" in line]
        values = {name: value for name, value in pairs if name != "Listen"}
        if not values.get("Backlog", "").isdecimal() or not values.get("Id"):
            continue
        listens = [value for name, value in pairs if name == "Listen"]
        addresses = [listen.removesuffix(kind) for listen in listens for kind in _KINDS if listen.endswith(kind)]
        service = values.get("Triggers", "").partition(" ")[0]
        yield SocketUnit(values["Id"], int(values["Backlog"]), service), addresses
