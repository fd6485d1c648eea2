"""A rule, held against the model of both kernels with numbers drawn anew."""

from listenwatch.labs.attempt import Attempt
from listenwatch.prediction.calculator import calculate
from listenwatch.prediction.parameters import Parameters

ERAS = {"2.6.18": (2, 6, 18), "6.18": (6, 18, 0)}


def check(attempt: Attempt) -> None:
    cases = [
        ("plain numbers", attempt.number(2, 100), attempt.number(101, 1000)),
        ("a backlog that is clamped", attempt.number(500, 60_000), attempt.number(20, 400)),
        ("a backlog of 0", 0, attempt.number(20, 400)),
        ("a negative backlog", -attempt.number(1, 90_000), attempt.number(100, 900)),
        ("more than 16 bits hold", attempt.number(66_000, 99_000), attempt.number(100_000, 900_000)),
    ]
    for era, version in ERAS.items():
        for what, backlog, somaxconn in cases:
            with attempt.program(era, backlog, somaxconn) as program:
                program.wait()
            expected = calculate(version, Parameters(backlog, somaxconn=somaxconn))
            truth = f"{expected.sock.max_ack_backlog} {expected.capacity}"
            printed = " ".join(program.output[-1:])
            attempt.goal(
                1, f"{era}: {what}", printed == truth,
                f"for backlog {backlog} and somaxconn {somaxconn} it printed {printed!r}; it is {truth}",
            )  # fmt: skip
