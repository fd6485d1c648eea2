"""A real nginx is started with the configuration; the probe sees what it asks for and gets."""

import time
from tempfile import TemporaryDirectory

from listenwatch.labs.attempt import Attempt, Hung

NEEDS = ("nginx",)
PORT, PATIENCE = 8080, 30.0


def check(attempt: Attempt) -> None:
    somaxconn = attempt.number(600, 60_000)
    with TemporaryDirectory() as folder:
        command = ["nginx", "-p", folder, "-g", "daemon off; pid nginx.pid;", "-e", "stderr", "-c"]
        with attempt.program(sysctls={"net.core.somaxconn": somaxconn}, command=command) as program:
            deadline = time.monotonic() + PATIENCE
            found = []
            while not found and time.monotonic() < deadline:
                time.sleep(0.05)
                try:
                    found = [each for each in program.listeners() if each.port == PORT]
                except Hung:
                    break
    seen = attempt.calls()
    attempt.watched(seen)
    calls = [each.call for each in seen if each.works and each.call.comm.startswith(b"nginx")]
    if not attempt.goal(
        1, f"nginx listens on port {PORT}", found and calls, "nginx did not start: its own words are below"
    ):
        return
    attempt.goal(
        4, f"its limit is somaxconn, {somaxconn}", found[0].limit == somaxconn == calls[-1].stored,
        f"it asked for {calls[-1].asked} and got {found[0].limit}",
    )  # fmt: skip
