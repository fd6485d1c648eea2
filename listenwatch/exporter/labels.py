"""What a series of a listener is called. No label may be longer than it is worth, nor steer a terminal or a page."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from listenwatch.call.record import ListenCall
from listenwatch.call.text import local_address, protocol_of
from listenwatch.linux.cgroup_owner import Container, Pod
from listenwatch.linux.processes import shows_every_process
from listenwatch.linux.terminal import escape
from listenwatch.model.inputs import Family
from listenwatch.overflow.namespace_index import Place
from listenwatch.sockets.inventory import ListenerRow

LONGEST = {"address": 108, "command": 64, "unit": 128, "container": 64, "pod": 128, "namespace": 64}
"""Characters of each label that others choose; what is longer is cut."""
_SHORT_ID = 12


class Labels(NamedTuple):
    """The labels of a listener. They hold nothing that a restart of the server changes: no pid, no cookie.

    ``netns`` is the inode number of its network namespace, ``port`` empty for AF_UNIX. ``pod`` is its name, or else its UID,
    ``namespace`` that of Kubernetes.
    """

    protocol: str
    address: str
    port: str
    netns: str
    command: str
    unit: str
    container: str
    pod: str
    namespace: str


OTHER = Labels("other", *("",) * (len(Labels._fields) - 1))
"""All that had no room of its own."""
Named = Callable[[Pod], Pod]
"""A pod with the names that somebody else knows of it."""
EPHEMERAL = "ephemeral"
"""The port of listeners that the kernel gave one, and that have not been there for long."""


def as_it_is(pod: Pod) -> Pod:
    """Where nobody else knows more of it."""
    return pod


def of_row(row: ListenerRow, named: Named = as_it_is) -> Labels:
    """The labels of a listener that is there; of several processes that hold it the first, as it was when it was looked at."""
    listener = row.listener
    holder = row.holders[0] if row.holders else None
    owner = holder.owner if holder else None
    unit = row.socket_unit.name if row.socket_unit else owner and owner.unit
    return _bounded(
        listener.protocol, listener.address, str(listener.port or ""), str(row.namespace.inode),
        holder.name if holder else "", unit, owner and owner.container, owner and owner.pod and named(owner.pod),
    )  # fmt: skip


def place_of_call(call: ListenCall) -> Place:
    """Where a listen() made a listener."""
    address, family = local_address(call), call.post.family
    if family == Family.UNIX:
        return family, address, 0
    return family, address.removesuffix(f":{call.local_port}"), call.local_port


def of_call(call: ListenCall, place: Place, named: Named = as_it_is) -> Labels:
    """The labels of a listener by its listen(), as ``of_row`` has them while it is there; ``place`` is ``place_of_call``'s."""
    _, address, port = place
    return _bounded(
        protocol_of(call.post), address, str(port or ""),
        str(call.netns_inode), _command_of(call), call.unit, call.container, call.pod and named(call.pod),
    )  # fmt: skip


def of_place(family: int, address: str, port: int, netns: int) -> Labels:
    """The labels of what a count names by its address alone."""
    protocol = {Family.INET: "tcp", Family.INET6: "tcp6"}.get(Family(family), "unix")
    return _bounded(protocol, address, "" if protocol == "unix" else str(port), str(netns), "", None, None, None)


def ephemeral(labels: Labels) -> Labels:
    """The labels that all short-lived listeners of one command share."""
    return labels._replace(address="", port=EPHEMERAL)


def _bounded(
    protocol: str, address: str, port: str, netns: str, command: str, unit: str | None,
    container: Container | None, pod: Pod | None,
) -> Labels:  # fmt: skip
    texts = {
        "address": address, "command": command, "unit": unit or "",
        "container": (container.name or container.id[:_SHORT_ID]) if container else "",
        "pod": (pod.name or pod.id) if pod else "", "namespace": pod.namespace if pod else "",
    }
    cut = {name: _cut(escape(text), LONGEST[name]) for name, text in texts.items()}
    return Labels(protocol=protocol, port=port, netns=netns, **cut)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _command_of(call: ListenCall) -> str:
    """The name of the process while it lives, else of the thread that called. Where /proc numbers processes otherwise, that too."""
    if not shows_every_process():
        return os.fsdecode(call.comm)
    try:
        name = (Path("/proc") / str(call.pid) / "comm").read_bytes().removesuffix(b"\n")
    except OSError:
        name = call.comm
    return os.fsdecode(name)
