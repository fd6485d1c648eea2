"""``listenwatch verify`` as a child process, and models with one wrong fact that it must notice."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import psutil

COMMAND = [sys.executable, "-m", "listenwatch", "verify"]
WRONG = {
    "syn_queue_full_above_limit": "nobody-gets-in-ipv4",
    "syncookies_2_is_always": "syn-queue-cookies-2-ipv4",
    "syn_floods_counted": "syn-queue-cookies-0-ipv4",
    "syn_drops_counted": "syn-when-full-ipv4",
    "full_acceptq_drops_every_syn": "syn-when-full-ipv6",
    "syn_queue=table_by_backlog": "syn-queue-cookies-1-ipv6",
    "syn_queue=table_of_512": "syn-queue-cookies-0-ipv4",
    "max_ack_backlog_bits=2": "final-ack-ignored-ipv4",
}
"""A field, flipped where no value is named, and a scenario that must notice."""


def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=600, check=False
    )


def processes_with(text: str) -> list[psutil.Process]:
    """Processes with this text in their arguments or environment; one that ended is none."""
    found = []
    for running in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if text in " ".join([*running.cmdline(), *running.environ().values()]):
                found.append(running)
    return found
