"""Several threads in listen() at once: no record may mix two calls."""

from __future__ import annotations

from listenwatch.scenarios.kinds import IPV4, UNIX, Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.registry import scenario


@scenario(IPV4, UNIX)
def eight_threads(lab: Lab, kind: Kind) -> None:
    """Eight threads, each with a socket and backlogs of its own."""
    lab.listen_in_threads(
        [(lab.bound(kind), [100 * thread + n for n in range(8)]) for thread in range(8)]
    )


@scenario()
def two_threads_one_listener(lab: Lab) -> None:
    """Two threads listen on the same listener with the same backlog, so that every order ends alike."""
    sock = lab.listener(IPV4, 64)
    lab.listen_in_threads([(sock, [64] * 20)] * 2)
