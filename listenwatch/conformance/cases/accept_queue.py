"""How many connections a listener holds that nobody accepts, and what the next one meets."""

from listenwatch.conformance.harness.registry import scenario
from listenwatch.conformance.harness.socket_kinds import (
    IPV4,
    IPV6,
    MPTCP,
    SEQPACKET,
    UNIX,
    SocketKind,
)
from listenwatch.conformance.harness.testbed import Testbed
from listenwatch.conformance.traffic.measure import Queue

BACKLOGS = (0, 1, 2, 5, 128, 4096)
SOMAXCONNS = (0, 1, 128, 4096)


@scenario(*((limit, kind) for kind in (IPV4, IPV6, MPTCP, UNIX, SEQPACKET) for limit in SOMAXCONNS))
def capacity(testbed: Testbed, somaxconn: int, kind: SocketKind) -> None:
    """Connections that fit for each of many backlogs: one more than the limit listen() stored."""
    testbed.somaxconn(somaxconn)
    for backlog in BACKLOGS:
        queue = Queue(testbed, kind).listen(backlog)
        queue.fill()
        queue.close()
