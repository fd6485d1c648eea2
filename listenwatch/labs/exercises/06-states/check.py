"""Each way must have been gone in the kernel: the state before, and the result."""

from errno import EADDRINUSE, EINVAL

from listenwatch.labs.attempt import Attempt
from listenwatch.model.inputs import TcpState


def check(attempt: Attempt) -> None:
    with attempt.program() as program:
        program.wait()
    seen = attempt.calls()
    attempt.require_agreement(seen)
    calls = [call for call, _ in seen]
    say = f"{len(calls)} listen() were seen, which returned {[call.result for call in calls]}"
    attempt.goal(
        1, "one succeeds on a socket that was never bound",
        any(call.result == 0 and not call.pre.bound and not call.pre.local_port for call in calls),
        f"{say}: leave out bind()",
    )  # fmt: skip
    closed = [call for call in calls if call.result == 0 and call.pre.state == TcpState.CLOSE]
    attempt.goal(
        2, "one succeeds again on a listener that was shut down",
        any(call.pre.max_ack_backlog for call in closed),  # a fresh socket's limit is 0
        f"{say}: none was made on a listener that had become CLOSE again (leave its backlog above 0)",
    )  # fmt: skip
    attempt.goal(
        1, "one fails with EINVAL on a connected socket",
        any(call.result == -EINVAL and call.pre.state == TcpState.ESTABLISHED for call in calls),
        f"{say}: connect a socket and call listen() on it",
    )  # fmt: skip
    attempt.goal(
        2, "one fails with EADDRINUSE", any(call.result == -EADDRINUSE for call in calls),
        f"{say}: two sockets bound to one port, and both listen",
    )  # fmt: skip
