"""What a signal ends while output is written: nothing half-printed, and never a wait for a reader who does not read."""

import os
import signal
import subprocess
import sys
import time

import pytest

from listenwatch.linux.interrupt import INTERRUPTED

READY = "from listenwatch.linux import interrupt, streams; import signal, sys; streams.complete(); "
HANDLED = READY + "signal.signal(signal.SIGINT, interrupt.raise_it); "

EVERY_LINE = HANDLED + """
try:
    for number in range(1_000_000):
        with interrupt.held():
            print(number, 'x' * 5000)
            printed = number
except KeyboardInterrupt:
    print('printed', printed)
"""


def started(script: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, bufsize=0)


@pytest.mark.parametrize("reads_first", [False, True], ids=["it-waits-to-write", "it-writes"])
def test_what_is_held_is_printed_whole(reads_first: bool) -> None:
    with started(EVERY_LINE) as process:
        assert process.stdout
        os.set_blocking(process.stdout.fileno(), True)
        begun = b"" if reads_first else process.stdout.read(1)
        while reads_first and len(begun) < 1_000_000:
            begun += process.stdout.read(65536)
        time.sleep(0 if reads_first else 0.3)  # the pipe is full
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=10)
    *lines, last = (begun + rest).decode().splitlines()
    assert [line.split()[0] for line in lines] == list(map(str, range(len(lines))))
    assert {len(line.split()[1]) for line in lines} == {5000}
    assert last == f"printed {len(lines) - 1}"


def test_a_reader_that_does_not_read_is_not_waited_for() -> None:
    script = HANDLED + """
try:
    with interrupt.held():
        print('x' * 1_000_000)
except interrupt.Interrupted as end:
    sys.exit(end.status)
"""
    with started(script) as process:
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == INTERRUPTED
