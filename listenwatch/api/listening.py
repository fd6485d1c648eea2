"""Every listener there is, with those who hold it and what its numbers say."""

from dataclasses import dataclass

from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.processes import Process
from listenwatch.sockets.look import look


@dataclass(frozen=True)
class HeldListener:
    """A listening socket as it is now.

    ``limit`` is sk_max_ack_backlog, ``queue`` how many connections wait for accept(), ``capacity``
    how many may (one more than the limit). ``somaxconn`` is that of its network namespace, None
    where it cannot be read. ``holders`` are the processes that have it open, none where they cannot
    be seen. ``diagnosis`` has a reason for each finding, the worst first: ``full``, ``stale``,
    ``clamped``, ``own`` and so on.
    """

    protocol: str
    local: str
    port: int | None
    netns: int
    queue: int
    limit: int
    capacity: int
    somaxconn: int | None
    holders: tuple[Process, ...]
    diagnosis: dict[str, str]


class Listeners(list[HeldListener]):
    """The listeners that could be seen; ``unseen`` says in words what could not be looked at."""

    unseen: tuple[str, ...] = ()


def listeners() -> Listeners:
    """Every listener of every network namespace this user may enter; as root: of all."""
    seen = look(running_kernel().version)
    result = Listeners()
    result.unseen = tuple(seen.unseen)
    for row, diagnosis, *_ in seen.listeners:
        listener = row.listener
        reasons = {finding.name.lower(): reason for finding, reason in diagnosis.reasons.items()}
        held = HeldListener(
            listener.protocol, listener.local, listener.port or None, row.namespace.inode,
            listener.queue, listener.limit, diagnosis.capacity, row.somaxconn, row.holders, reasons,
        )
        result.append(held)
    return result
