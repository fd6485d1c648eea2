"""What to change, where, and what the model predicts of it: the last lines of ``sockets`` and ``overflow``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from listenwatch.forecast import forecast
from listenwatch.kernel import Version
from listenwatch.question import FAMILIES, Question
from listenwatch.sockets.diagnosis import Diagnosis, Finding
from listenwatch.sockets.inventory import Row
from listenwatch.sockets.servers import Server

ENOUGH = 4096
"""net.core.somaxconn as the kernel starts with it since v5.4: what is advised where nothing else says more."""

_WORTH_ADVICE = {
    Finding.FULL,
    Finding.LIMIT_0,
    Finding.STALE,
    Finding.LIKELY_STALE,
    Finding.CLAMPED,
    Finding.LIKELY_CLAMPED,
}


class Advice(NamedTuple):
    """For one listener: the steps in order, and what the model predicts after them."""

    steps: tuple[str, ...]
    prediction: str


def advise(
    row: Row, diagnosis: Diagnosis, version: Version, asked: int | None, *, overflowed: bool = False
) -> Advice | None:
    """Advice for a listener that needs some; None for one at rest. ``overflowed``: seen to refuse."""
    if row.somaxconn is None or not (overflowed or _WORTH_ADVICE & set(diagnosis.reasons)):
        return None
    server = diagnosis.server
    wants = _wants(row, server, asked)
    stale = {Finding.STALE, Finding.LIKELY_STALE} & set(diagnosis.reasons)
    # An application that asks for more already only needs the room, or to ask again.
    asks_enough = wants is not None and wants > row.listener.limit
    backlog = wants if asks_enough and wants is not None else max(ENOUGH, row.listener.limit + 1)
    backlog = min(backlog, 0x7FFF_FFFF)
    somaxconn = row.somaxconn
    steps = []
    if backlog > somaxconn and not stale:
        somaxconn = max(backlog if backlog < 1 << 16 else ENOUGH, somaxconn)
        steps.append(set_somaxconn(row, somaxconn))
    if not asks_enough:
        steps.append(set_backlog(row, server, backlog))
    steps.append(_then(server, changed=not asks_enough))
    return Advice(tuple(steps), predict(row, version, backlog, somaxconn))


def _then(server: Server | None, *, changed: bool) -> str:
    """What makes it listen() with a ``changed`` setting, or with the one it has."""
    if server and server.again and not changed:
        return server.again
    return server.then if server and server.then else "restart it, or let it listen() again"


def _wants(row: Row, server: Server | None, asked: int | None) -> int | None:
    """The backlog it asks for: as seen, else as the server usually does."""
    if asked is not None:
        return asked & 0xFFFFFFFF
    return server.default if server else None


def set_somaxconn(row: Row, number: int) -> str:
    """How net.core.somaxconn is set in the namespace of the listener."""
    sysctl = f"sysctl -w net.core.somaxconn={number}"
    containers = [p for p in row.holders if p.where.startswith("container ")]
    if row.namespace.is_own:
        return f"{sysctl} (and a file in /etc/sysctl.d to keep it)"
    if row.namespace.names and not containers:
        return f"ip netns exec {row.namespace.names[0]} {sysctl}"
    enter = f"nsenter -t {row.holders[0].pid} -n {sysctl}" if row.holders else sysctl
    if containers:
        return (
            f"docker/podman run --sysctl net.core.somaxconn={number}, in Kubernetes "
            f"securityContext.sysctls; until it is made anew: {enter}"
        )
    return f"in its network namespace: {enter}"


def set_backlog(row: Row, server: Server | None, number: int) -> str:
    """Where the application is told its backlog."""
    if server and server.setting:
        return f"{server.name}: {server.setting.format(n=number)}"
    if server:
        return f"{server.name} has no setting for it: its backlog is {server.default}"
    name = row.holders[0].name if row.holders else "the program"
    return f"{name}: pass {number} to listen()"


def predict(row: Row, version: Version, backlog: int, somaxconn: int) -> str:
    """What the model says listen(``backlog``) stores then, and what the queue holds."""
    family = (
        row.listener.protocol.removesuffix("6")
        if "mptcp" in row.listener.protocol
        else row.listener.protocol
    )
    if family not in FAMILIES:
        return f"listen({backlog}) asks for min({backlog}, somaxconn {somaxconn})"
    found = forecast(version, Question(backlog, family, somaxconn=somaxconn))
    room = "without end" if found.capacity is None else str(found.capacity)
    return (
        f"listen({backlog}) with somaxconn {somaxconn} stores {found.sock.max_ack_backlog}: "
        f"{room} connections wait, {_more(row, found.capacity)}"
    )


def _more(row: Row, capacity: int | None) -> str:
    before = row.listener.limit + 1
    return f"now {before}" if capacity is None or capacity != before else "as now"


def as_lines(row: Row, advice: Advice, who: str) -> Iterator[str]:
    """The advice for people, unwrapped."""
    yield f"{who}:"
    yield from (f"  {number}. {step}" for number, step in enumerate(advice.steps, 1))
    yield f"  The model predicts: {advice.prediction}."
