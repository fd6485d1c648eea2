"""One listen() with the numbers drawn, which succeeded, on a socket that listens still."""

from listenwatch.labs.attempt import Attempt


def check(attempt: Attempt) -> None:
    port, backlog = attempt.number(10_000, 20_000), attempt.number(1, 400)
    with attempt.program(port, backlog) as program:
        program.wait_for("ready")
        found = [each for each in program.listeners() if each.local == f"127.0.0.1:{port}"]
    seen = attempt.calls()
    attempt.watched(seen)
    asked = [each.call.asked for each in seen]
    if attempt.goal(
        1, "it calls listen()", seen, "no listen() was seen: a bound socket is no listener yet"
    ):
        attempt.goal(
            2, f"with the backlog {backlog}", asked == [backlog], f"it asked for {asked}, once is enough"
        )
        attempt.goal(
            2, f"and listens on 127.0.0.1:{port}", found,
            f"nothing listens on 127.0.0.1:{port}; the calls returned "
            f"{[each.call.result for each in seen]}",
        )  # fmt: skip
