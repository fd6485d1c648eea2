"""How many connections a listener holds that nobody accepts, and what the next one meets."""

from __future__ import annotations

from typing import NamedTuple

from listenwatch.scenarios.kinds import IPV4, IPV6, MPTCP, SEQPACKET, UNIX, Kind
from listenwatch.scenarios.lab import Lab
from listenwatch.scenarios.queues.measure import Queue
from listenwatch.scenarios.registry import scenario

BACKLOGS = (0, 1, 2, 5, 128, 4096)
SOMAXCONNS = (0, 1, 128, 4096)


class Case(NamedTuple):
    """A kind of socket and net.core.somaxconn."""

    kind: Kind
    somaxconn: int


def capacity(lab: Lab, case: Case) -> None:
    """Connections that fit for each of many backlogs: one more than the limit listen() stored."""
    lab.somaxconn(case.somaxconn)
    for backlog in BACKLOGS:
        queue = Queue(lab, case.kind)
        queue.listen(backlog)
        queue.fill()
        queue.close()


for _kind in (IPV4, IPV6, MPTCP, UNIX, SEQPACKET):
    scenario(
        *(Case(_kind, number) for number in SOMAXCONNS),
        needs=_kind.needs,
        names=[f"{number}-{_kind.name}" for number in SOMAXCONNS],
    )(capacity)
