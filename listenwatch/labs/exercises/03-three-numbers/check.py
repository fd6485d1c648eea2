"""The line printed must be what the probe saw of the call, once clamped and once not."""

from listenwatch.labs.attempt import Attempt


def check(attempt: Attempt) -> None:
    for clamped in (False, True):
        port, backlog = attempt.number(10_000, 20_000), attempt.number(200, 800)
        somaxconn = attempt.number(20, 150) if clamped else attempt.number(900, 2000)
        with attempt.program(port, backlog, sysctls={"net.core.somaxconn": somaxconn}) as program:
            program.wait_for("ready")
        seen = attempt.calls()
        attempt.require_agreement(seen)
        where = "somaxconn below BACKLOG" if clamped else "somaxconn above BACKLOG"
        calls = [judged.call for judged in seen if judged.succeeded]
        if not attempt.goal(1, f"it listens ({where})", calls, "no listen() that succeeded was seen"):
            continue
        last = calls[-1]
        truth = [str(last.asked), str(last.environment.somaxconn), str(last.stored)]
        printed = program.output[0].split()
        attempt.goal(
            2, f"its three numbers are those of the kernel ({where})", printed == truth,
            f"it printed {' '.join(printed)!r}, and the probe saw {' '.join(truth)}: ask the kernel",
        )  # fmt: skip
