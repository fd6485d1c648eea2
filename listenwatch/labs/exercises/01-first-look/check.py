"""One listen() with the numbers drawn, on a socket that listens still, and the stage at which the limit was seen first."""

from listenwatch.labs.attempt import Attempt
from listenwatch.model.stages import StageIndex


def check(attempt: Attempt) -> None:
    port, backlog = attempt.number(10_000, 20_000), attempt.number(1, 400)
    with attempt.program(port, backlog) as program:
        program.wait_for("ready")
        listens = f"127.0.0.1:{port}" in [listener.local for listener in program.listeners()]
    seen = attempt.calls()
    attempt.require_agreement(seen)
    asked = [judged.call.asked for judged in seen]
    if not attempt.goal(
        1, "it calls listen()", seen, "no listen() was seen: a bound socket is no listener yet"
    ):
        return
    once = attempt.goal(
        2, f"with the backlog {backlog}", asked == [backlog], f"it asked for {asked}, once is enough"
    )
    attempt.goal(
        2, f"and listens on 127.0.0.1:{port}", listens,
        f"nothing listens on 127.0.0.1:{port}; the calls returned "
        f"{[judged.call.result for judged in seen]}",
    )  # fmt: skip
    if once:
        stages = seen[0].call.stages
        having = [StageIndex(index).label for index in sorted(stages) if stages[index].max_ack_backlog == backlog]
        printed = program.output[:-1]
        attempt.goal(
            2, f"it knows the first stage at which the limit was {backlog}", having and printed == having[:1],
            f"it printed {printed}, and the first line of 'watch --stages' with that limit has another name",
        )  # fmt: skip
