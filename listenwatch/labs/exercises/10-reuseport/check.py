"""So many listeners at one address, each of them another socket."""

from listenwatch.labs.attempt import Attempt


def check(attempt: Attempt) -> None:
    port, count = attempt.number(10_000, 20_000), attempt.number(3, 8)
    backlog = attempt.number(5, 300)
    with attempt.program(port, count, backlog) as program:
        program.wait_for("ready")
        listeners = program.listeners(port)
    seen = attempt.calls()
    attempt.require_agreement(seen)
    attempt.goal(1, f"it listens on port {port}", listeners, "nothing listens there")
    attempt.goal(
        3, f"{count} sockets listen, each with its own queue", len({listener.cookie for listener in listeners}) == count,
        f"{len(listeners)} listen: a descriptor that was duplicated is the same socket",
    )  # fmt: skip
    attempt.goal(
        1, f"each with the limit {backlog}", listeners and {listener.limit for listener in listeners} == {backlog},
        f"their limits are {sorted(listener.limit for listener in listeners)}",
    )  # fmt: skip
