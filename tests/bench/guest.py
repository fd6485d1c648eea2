"""``make bench-guest``: the added time per listen() inside the kernel, compared with bpftrace and bcc's solisten."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tabulate import tabulate

from listenwatch import guests
from listenwatch.features.attach import open_engine
from listenwatch.linux.terminal import say
from tests.bench.capturing import drained
from tests.bench.measuring import build_loop, median_of, per_call

SERIES = "6.1"
CALLS = "20000"
OURS = (("core", "kprobe"), ("core", "fentry"), ("bcc", "kprobe"))
PEERS = {
    "bpftrace kprobe:inet_listen": [
        "bpftrace",
        "-e",
        'kprobe:inet_listen { printf("%d %s %d\\n", pid, comm, arg1); }',
    ],
    "bcc solisten": ["/usr/bin/python3", "-u", "/usr/sbin/solisten-bpfcc"],
}


def main() -> int:
    """On the host: boot the guest with the kernel's headers at hand. In the guest: measure."""
    if sys.argv[1:2] == ["--in-guest"]:
        return measure()
    kernel = guests.fetch(SERIES, progress=say)
    headers = guests.fetch_headers(kernel, progress=say)
    command = [sys.executable, "-m", "tests.bench.guest", "--in-guest"]
    return guests.run(kernel, command, cwd=Path.cwd(), headers=headers, progress=say)


def measure() -> int:
    """In the guest: every watcher on the same loop."""
    with tempfile.TemporaryDirectory() as folder:
        loop = [build_loop(folder), CALLS]
        plain = median_of(lambda: per_call(loop), 3)
        rows = [("no probe", f"{plain:.0f} ns", "")]
        added = {}
        for name, mode in OURS:
            with open_engine(name, mode) as engine, drained(engine):
                added[name, mode] = median_of(lambda: per_call(loop), 3) - plain
            rows.append((f"added by listenwatch, {name}, {mode}", f"{added[name, mode]:.0f} ns", ""))
        ours = added[OURS[0]]
        for name, command in PEERS.items():
            if shutil.which(command[-1] if "python3" in command[0] else command[0]) is None:
                rows.append((f"added by {name}", "not installed", ""))
                continue
            with reading(command):
                theirs = median_of(lambda: per_call(loop), 3) - plain
            rows.append((f"added by {name}", f"{theirs:.0f} ns", f"{theirs / ours:.2f} x core, kprobe"))
    print(tabulate(rows, headers=("listen() on a listener, emulated guest", "per call", "")))
    return 0


@contextmanager
def reading(command: list[str]) -> Iterator[None]:
    """A peer running and its output read, from the first listen() of ours that it has seen."""
    seen = threading.Event()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        output = process.stdout

        def read() -> None:
            for line in output:
                if b"python" in line:
                    seen.set()

        reader = threading.Thread(target=read)
        reader.start()
        try:
            with socket.socket() as probe:
                while not seen.wait(0.2):
                    if process.poll() is not None:
                        raise SystemExit(f"{command[0]} ended with status {process.returncode}")
                    probe.listen()
            yield
        finally:
            process.terminate()
            reader.join()


if __name__ == "__main__":
    sys.exit(main())
