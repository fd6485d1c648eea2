"""The same socket, with its queue, has the new limit."""

import socket

from listenwatch.labs.attempt import Attempt


def check(attempt: Attempt) -> None:
    port, backlog = attempt.number(10_000, 20_000), attempt.number(300, 900)
    somaxconn = attempt.number(20, 120)
    with attempt.program(port, backlog, sysctls={"net.core.somaxconn": somaxconn}) as program:
        program.wait_for("ready")
        before = program.listeners(port)
        if not attempt.goal(1, f"it listens on port {port}", before, "nothing listens there"):
            return
        with program.inside(), socket.create_connection(("127.0.0.1", port)):
            program.sysctl("net.core.somaxconn", backlog + 100)
            program.send_line("raised")
            program.wait_for("done")
            after = program.listeners(port)
    attempt.require_agreement(attempt.calls())
    limit = after[0].limit if after else None
    attempt.goal(
        2, f"then its limit is {backlog}", limit == backlog,
        f"the limit is {limit}: a new somaxconn counts at the next listen()",
    )  # fmt: skip
    attempt.goal(
        2, "on the same socket, and the connection waits still",
        after and after[0].cookie == before[0].cookie and after[0].queue == 1,
        "it is another socket, and the connection that waited was reset: no close() is needed",
    )  # fmt: skip
