"""Runs of storm.c under an engine, and what became of its calls."""

from __future__ import annotations

import os
import subprocess
from collections import Counter

from listenwatch.bpf.engine import Engine
from listenwatch.call.record import ListenCall, decode, decode_all
from listenwatch.features.behaviour import behaviour_of
from listenwatch.linux.kernel import running_kernel
from listenwatch.report.text import reason
from listenwatch.verdict.compare import VerdictKind, judge

ATTEMPTS = 5
"""Runs of two threads that are to meet: on a busy machine they may run one after the other."""


def kinds(calls: list[ListenCall]) -> Counter[VerdictKind]:
    behaviour = behaviour_of(running_kernel())
    return Counter(judge(call, behaviour).kind for call in calls)


def unlucky(calls: list[ListenCall]) -> list[str]:
    """What disagrees, in words."""
    behaviour = behaviour_of(running_kernel())
    verdicts = [(call, judge(call, behaviour)) for call in calls]
    return [f"{reason(call, v)}: {call}" for call, v in verdicts if v.kind is VerdictKind.DISAGREE][:3]


class Storm:
    """A run of storm.c under an engine: its calls in the order of the ring, what it printed, what was lost."""

    def __init__(self, engine: Engine, *command: str, read: bool = True) -> None:
        records: list[bytes] = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            while read and process.poll() is None:
                records += engine.read(0.02)
            assert process.stdout
            self.printed = [int(word) for word in process.stdout.read().split()]
        assert process.returncode == 0
        self.pid = process.pid
        self.full = engine.loss().ring_full
        records += engine.sync()
        everything = decode_all(records)
        pids = {process.pid, *self.printed}
        self.calls = [call for call in everything if call.pid in pids]
        self.number = sum(call.repeats for call in self.calls)
        self.others = sum(call.repeats for call in everything) - self.number
        self.loss = engine.loss()

    def accounts_for(self, made: int) -> bool:
        """Records and losses are the calls made; other processes' calls are among what a full ring lost."""
        known = self.number + self.loss.lost
        total = self.number + self.others + self.loss.lost + self.loss.in_flight
        whole = known >= made if self.others or self.loss.ring_full else known == made
        return whole and self.number <= made and total >= self.loss.calls


def mine(records: list[bytes]) -> list[ListenCall]:
    """The calls of this process."""
    return [call for call in map(decode, records) if call.pid == os.getpid()]
