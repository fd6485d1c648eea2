"""The stored limit must be the one asked for, above the somaxconn it begins with."""

from listenwatch.labs.attempt import Attempt


def check(attempt: Attempt) -> None:
    somaxconn = attempt.number(50, 150)
    limit = attempt.number(200, 4000)
    port = attempt.number(10_000, 20_000)
    with attempt.program(port, limit, sysctls={"net.core.somaxconn": somaxconn}) as program:
        program.wait_for("ready")
        listeners, now = program.listeners(port), program.sysctl("net.core.somaxconn")
    seen = attempt.calls()
    attempt.require_agreement(seen)
    if not attempt.goal(
        2, f"it listens on port {port}", listeners, f"nothing listens there: {len(seen)} listen() were seen"
    ):
        return
    calls = [judged.call for judged in seen if judged.succeeded and judged.call.post.local_port == port]
    asked = calls[-1].asked if calls else None
    attempt.goal(
        3,
        f"the limit is {limit}",
        calls and listeners[0].limit == limit == calls[-1].stored,
        f"it asked for {asked} when somaxconn was {calls[-1].environment.somaxconn if calls else '?'}, "
        f"and {listeners[0].limit} was stored; somaxconn was {now} when it was ready",
    )
