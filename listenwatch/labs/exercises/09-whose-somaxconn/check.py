"""The probe sees in which network namespace the socket is, and what was stored."""

from listenwatch.labs.attempt import Attempt


def check(attempt: Attempt) -> None:
    port, limit = attempt.number(10_000, 20_000), attempt.number(5000, 9000)
    somaxconn = attempt.number(200, 900)
    with attempt.program(port, limit, sysctls={"net.core.somaxconn": somaxconn}) as program:
        program.wait_for("ready")
        left = program.sysctl("net.core.somaxconn")
        home = program.netns
    seen = attempt.calls()
    attempt.require_agreement(seen)
    calls = [judged.call for judged in seen if judged.succeeded and judged.call.post.local_port == port]
    if not attempt.goal(1, f"it listens on port {port}", calls, "no such listen() was seen"):
        return
    call = calls[-1]
    attempt.goal(
        2, "in another network namespace", call.netns_inode != home,
        "its socket is in the network namespace the program was started in",
    )  # fmt: skip
    attempt.goal(
        2, f"with the limit {limit}", call.stored == limit,
        f"stored was {call.stored}, somaxconn of the socket's namespace {call.environment.somaxconn}",
    )  # fmt: skip
    attempt.goal(
        1, "and the first namespace's somaxconn is left alone", left == somaxconn,
        f"it was {somaxconn} and is {left}: every other server of that namespace would notice",
    )  # fmt: skip
