"""The queue as sock_diag has it must be full, and as long as the program says and the model predicts."""

from listenwatch.labs.attempt import Attempt
from listenwatch.model.tcp_input import accept_queue_capacity


def check(attempt: Attempt) -> None:
    port, backlog = attempt.number(10_000, 20_000), attempt.number(3, 40)
    with attempt.program(port, backlog) as program:
        program.wait_for("ready")
        listeners = program.listeners(port)
    seen = attempt.calls()
    attempt.require_agreement(seen)
    right = listeners and listeners[0].limit == backlog
    if not attempt.goal(1, f"it listens with {backlog}", right, "no listener with that limit is there"):
        return
    room = accept_queue_capacity(backlog, attempt.behaviour)
    attempt.goal(
        2, "the queue is full", listeners[0].queue == room,
        f"{listeners[0].queue} connections wait and {room} would fit: connect, keep them, accept nothing",
    )  # fmt: skip
    attempt.goal(
        2, "it prints how many got through", program.output[0] == str(listeners[0].queue) == str(room),
        f"it printed {program.output[0]!r}, and {listeners[0].queue} connections wait",
    )  # fmt: skip
