"""What to change for a listener that needs it, where, and what the model predicts after that."""

from functools import lru_cache
from typing import NamedTuple

from listenwatch.linux.kernel import Version
from listenwatch.prediction.calculator import calculate
from listenwatch.prediction.parameters import FAMILIES, Parameters
from listenwatch.sockets.diagnosis import UNBOUNDED, Diagnosis, Finding
from listenwatch.sockets.inventory import ListenerRow
from listenwatch.sockets.servers import Server

ENOUGH = 4096
"""net.core.somaxconn as the kernel starts with it since v5.4: what is advised where nothing else says more."""

_calculate = lru_cache(calculate)
"""Thousands of listeners want few different predictions."""
_STALE = {Finding.STALE, Finding.LIKELY_STALE}
_WORTH_ADVICE = {Finding.FULL, Finding.LIMIT_0, *_STALE, Finding.CLAMPED, Finding.LIKELY_CLAMPED}


class Advice(NamedTuple):
    """For one listener's queue: the steps in order, and what the model predicts after them, None without a number."""

    steps: tuple[str, ...]
    prediction: str | None


def advise(
    row: ListenerRow, diagnosis: Diagnosis, version: Version, asked: int | None, *, overflowed: bool = False
) -> Advice | None:
    """Advice for a listener that needs some, else None. ``overflowed``: it was seen to refuse."""
    if row.somaxconn is None or not (overflowed or _WORTH_ADVICE & set(diagnosis.reasons)):
        return None
    server = diagnosis.server
    wants = _wants(row, server, asked)
    # An application that asks for more already only needs a higher somaxconn, or to listen() again.
    asks_enough = wants is not None and wants > row.listener.limit
    if not asks_enough and server is None:
        return Advice(_without_number(row, row.somaxconn), None)
    stale = _STALE & set(diagnosis.reasons)
    backlog = wants if asks_enough and wants is not None else max(ENOUGH, row.listener.limit + 1)
    backlog = min(backlog, UNBOUNDED)
    somaxconn = row.somaxconn
    steps = []
    known = True
    if backlog > somaxconn and not stale:
        enough = backlog if backlog < 1 << 16 else ENOUGH
        known = enough > somaxconn
        somaxconn = max(enough, somaxconn)
        steps.append(set_somaxconn(row, str(somaxconn)) if known else _more_than(row, somaxconn))
    if not asks_enough and server:
        steps.append(set_backlog(server, backlog))
    steps.append(_then(server, changed=not asks_enough))
    return Advice(tuple(steps), predict(row, version, backlog, somaxconn) if known else None)


def _without_number(row: ListenerRow, somaxconn: int) -> tuple[str, ...]:
    """For a program of which nobody knows what it asks for, nor how many connections come at once."""
    limit, name = row.listener.limit, row.holders[0].name if row.holders else "the program"
    if limit < somaxconn:
        change = [f"{name}: pass more than {limit} to listen(); net.core.somaxconn lets it have {somaxconn}"]
    else:
        change = [
            _more_than(row, somaxconn),
            f"{name}: pass more than {limit} to listen(), unless it does",
        ]
    return (*change, _then(None, changed=True))


def _more_than(row: ListenerRow, somaxconn: int) -> str:
    return f"with a NUMBER above {somaxconn}: {set_somaxconn(row, 'NUMBER')}"


def _then(server: Server | None, *, changed: bool) -> str:
    """What makes it listen() with a ``changed`` setting, or with the one it has."""
    if server and server.again and not changed:
        return server.again
    return server.then if server and server.then else "restart it, or let it listen() again"


def _wants(row: ListenerRow, server: Server | None, asked: int | None) -> int | None:
    """The backlog it asks for: as seen, else as the server usually does."""
    if asked is not None:
        return asked & 0xFFFFFFFF
    return server.default if server else None


def set_somaxconn(row: ListenerRow, number: str) -> str:
    """How net.core.somaxconn is set in the namespace of the listener."""
    sysctl = f"sysctl -w net.core.somaxconn={number}"
    containers = [p for p in row.holders if p.owner.container]
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


def set_backlog(server: Server, number: int) -> str:
    """Where a known server's backlog is set."""
    if server.setting:
        return f"{server.name}: {server.setting.format(n=number)}"
    return f"{server.name} has no setting for it: its backlog is {server.default}"


def predict(row: ListenerRow, version: Version, backlog: int, somaxconn: int) -> str:
    """What the model says listen(``backlog``) stores then, and what the queue holds."""
    protocol = row.listener.protocol
    family = "mptcp" if "mptcp" in protocol else protocol
    if family not in FAMILIES:
        return f"listen({backlog}) asks for min({backlog}, somaxconn {somaxconn})"
    result = _calculate(version, Parameters(backlog, family, somaxconn=somaxconn))
    capacity = "without end" if result.capacity is None else str(result.capacity)
    return (
        f"listen({backlog}) with somaxconn {somaxconn} stores {result.sock.max_ack_backlog}: "
        f"{capacity} connections wait, {_more(row, result.capacity)}"
    )


def _more(row: ListenerRow, capacity: int | None) -> str:
    before = row.listener.limit + 1
    return f"now {before}" if capacity is None or capacity != before else "as now"
