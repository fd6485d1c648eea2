"""The check makes calls of its own, and holds the student's lines against what its own probe saw."""

import os
import socket

from listenwatch.labs.attempt import Attempt
from listenwatch.linux import libc

NEEDS = ("kprobes", "bcc", "headers")
COMPILING = 300.0  # seconds: bcc compiles against the kernel's headers, on a slow machine too


def check(attempt: Attempt) -> None:
    somaxconn = attempt.number(100, 300)
    backlogs = [attempt.number(1, 99), attempt.number(400, 900), -attempt.number(1, 9)]
    command = ("/usr/bin/python3",)
    with attempt.program(os.getpid(), sysctls={"net.core.somaxconn": somaxconn}, command=command) as program:
        program.wait_for("ready", COMPILING)
        attempt.calls()
        with program.inside():
            for backlog in backlogs:
                with socket.socket() as sock:
                    libc.listen(sock.fileno(), backlog)
        lines = program.lines(len(backlogs))
    seen = attempt.calls(own=True)
    attempt.require_agreement(seen)
    truth = [f"{judged.call.asked} {judged.call.post.max_ack_backlog}" for judged in seen]
    attempt.goal(
        2, "it sees each call", len(lines) == len(truth) > 0,
        f"{len(truth)} listen() were made and it printed {len(lines)} lines",
    )  # fmt: skip
    left = [line.split()[-1:] for line in lines]
    attempt.goal(
        2, "and what is left of the backlog at inet_listen()", left == [line.split()[1:] for line in truth],
        f"it printed {lines}; somaxconn was {somaxconn}, and the probe saw {truth}",
    )  # fmt: skip
    attempt.goal(
        3, "and what was asked for", lines == truth,
        f"it printed {lines}, and the probe saw {truth}: look before the clamp, at __sys_listen()",
    )  # fmt: skip
