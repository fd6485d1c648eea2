"""So many listeners at one address, each of them another socket."""

from listenwatch.labs.attempt import Attempt


def check(attempt: Attempt) -> None:
    port, count = attempt.number(10_000, 20_000), attempt.number(3, 8)
    backlog = attempt.number(5, 300)
    with attempt.program(port, count, backlog) as program:
        program.wait_for("ready")
        found = [each for each in program.listeners() if each.port == port]
    seen = attempt.calls()
    attempt.watched(seen)
    attempt.goal(1, f"it listens on port {port}", found, "nothing listens there")
    attempt.goal(
        3, f"{count} sockets listen, each with its own queue", len({each.cookie for each in found}) == count,
        f"{len(found)} listen: a descriptor that was duplicated is the same socket",
    )  # fmt: skip
    attempt.goal(
        1, f"each with the limit {backlog}", found and {each.limit for each in found} == {backlog},
        f"their limits are {sorted(each.limit for each in found)}",
    )  # fmt: skip
