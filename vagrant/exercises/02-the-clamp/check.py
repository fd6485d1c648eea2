"""The stored limit must be the one asked for, above the somaxconn it begins with."""

from listenwatch.labs.attempt import Attempt


def check(attempt: Attempt) -> None:
    somaxconn = attempt.number(50, 150)
    limit = attempt.number(200, 4000)
    port = attempt.number(10_000, 20_000)
    with attempt.program(port, limit, sysctls={"net.core.somaxconn": somaxconn}) as program:
        program.wait_for("ready")
        found = [each for each in program.listeners() if each.port == port]
    seen = attempt.calls()
    attempt.watched(seen)
    if not attempt.goal(
        2, f"it listens on port {port}", found, f"nothing listens there: {len(seen)} listen() were seen"
    ):
        return
    calls = [each.call for each in seen if each.works and each.call.post.local_port == port]
    asked = calls[-1].asked if calls else None
    attempt.goal(
        3,
        f"the limit is {limit}",
        calls and found[0].limit == limit == calls[-1].stored,
        f"it asked for {asked} when somaxconn was {calls[-1].environment.somaxconn if calls else '?'}, "
        f"and {found[0].limit} was stored: raise somaxconn before listen()",
    )
