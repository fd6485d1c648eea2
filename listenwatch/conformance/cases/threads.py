"""Several threads in listen() at once: no record may mix two calls."""

from listenwatch.conformance.harness.registry import scenario
from listenwatch.conformance.harness.socket_kinds import IPV4, UNIX, SocketKind
from listenwatch.conformance.harness.testbed import Testbed


@scenario(IPV4, UNIX)
def eight_threads(testbed: Testbed, kind: SocketKind) -> None:
    """Eight threads, each with a socket and backlogs of its own."""
    testbed.listen_in_threads(
        [(testbed.bound(kind), [100 * thread + n for n in range(8)]) for thread in range(8)]
    )


@scenario()
def two_threads_one_listener(testbed: Testbed) -> None:
    """Two threads listen on the same listener with the same backlog, so that every order ends alike."""
    sock = testbed.listener(IPV4, 64)
    testbed.listen_in_threads([(sock, [64] * 20)] * 2)
