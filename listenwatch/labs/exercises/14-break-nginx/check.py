"""A real nginx is started with the configuration; the probe sees what it asks for and gets."""

import time
from tempfile import TemporaryDirectory

from listenwatch.labs.attempt import Attempt
from listenwatch.labs.student import NoAnswer

NEEDS = ("nginx",)
PORT, PATIENCE = 8080, 30.0


def check(attempt: Attempt) -> None:
    somaxconn = attempt.number(600, 60_000)
    with TemporaryDirectory() as folder:
        command = ["nginx", "-p", folder, "-g", "daemon off; pid nginx.pid;", "-e", "stderr", "-c"]
        with attempt.program(sysctls={"net.core.somaxconn": somaxconn}, command=command) as program:
            deadline = time.monotonic() + PATIENCE
            listeners = []
            while not listeners and time.monotonic() < deadline:
                time.sleep(0.05)
                try:
                    listeners = program.listeners(PORT)
                except NoAnswer:
                    break
    seen = attempt.calls()
    attempt.require_agreement(seen)
    calls = [judged.call for judged in seen if judged.succeeded and judged.call.comm.startswith(b"nginx")]
    if not attempt.goal(
        1, f"nginx listens on port {PORT}", listeners and calls, "nginx did not start: its own words are below"
    ):
        return
    attempt.goal(
        4, f"its limit is somaxconn, {somaxconn}", listeners[0].limit == somaxconn == calls[-1].stored,
        f"it asked for {calls[-1].asked} and got {listeners[0].limit}",
    )  # fmt: skip
