"""What the kernel was asked for, number by number, and what it stored."""

from listenwatch.labs.attempt import Attempt


def check(attempt: Attempt) -> None:
    port, somaxconn = attempt.number(10_000, 20_000), attempt.number(100, 900)
    numbers = [0, -1, 2**31 - 1, attempt.number(1, 99), -attempt.number(2, 99_999), -(2**31), 1]
    with attempt.program(port, *numbers, sysctls={"net.core.somaxconn": somaxconn}) as program:
        program.wait_for("ready")
    seen = attempt.calls()
    attempt.require_agreement(seen)
    asked = [judged.call.asked for judged in seen]
    wrong = [f"{wanted} became {got}" for wanted, got in zip(numbers, asked, strict=False) if wanted != got]
    attempt.goal(
        3, "the kernel is asked for exactly these numbers", asked == numbers,
        "; ".join(wrong) or f"{len(asked)} calls were seen instead of {len(numbers)}",
    )  # fmt: skip
    stored = [str(judged.call.stored) for judged in seen]
    attempt.goal(
        2, "and it prints what was stored each time", seen and program.output[:-1] == stored,
        f"it printed {' '.join(program.output[:-1])}; stored was {' '.join(stored) or 'nothing'}",
    )  # fmt: skip
