"""The real program where something that it takes for granted is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import IO

from tests import ROOT

PROGRAM = (sys.executable, "-m", "listenwatch")
PATIENCE = 300
"""Seconds after which a test that hangs is ended: no measure of speed."""

COMMANDS: dict[str, tuple[str, ...]] = {
    "watch": ("watch", "--duration", "0.1", "-p", "1"),
    "sockets": ("sockets", "-p", str(os.getpid())),
    "top": ("top", "--count", "1", "-p", str(os.getpid())),
    "overflow": ("overflow", "--duration", "0.1", "-p", "1"),
    "exporter": ("exporter", "--listen", "127.0.0.1:0", "--duration", "0.1"),
    "verify": ("verify", "-k", "backlog-kept-ipv4"),
    "identify": ("identify", "-k", "backlog-kept-ipv4"),
    "replay": ("replay", "tests/vectors/6.1/kprobe.jsonl.gz", "--disagree"),
    "conformance": ("conformance", "--build", "/dev/null/program"),
    "judge": ("judge", "tests/data/answers/gvisor.jsonl.gz", "--as", "gvisor"),
    "predict": ("predict", "--backlog", "5"),
    "check": ("check", "--server", "nginx", "--kernel", "6.1"),
    "lab": ("lab", "list"),
    "rules": ("rules",),
    "schema": ("schema",),
    "features": ("features",),
    "matrix": ("matrix", "--kernels", "5.10", "--no-host", "--timeout", "0.1", "-o", "/dev/null/matrix"),
    "guest": ("guest", "--kernel", "0.0", "--mirror", "file:///nonexistent", "--", "true"),
}
"""Each command, so that it ends soon."""

LOUD: dict[str, tuple[str, ...]] = COMMANDS | {
    "verify": ("verify", "-k", "no-such-scenario"),
    "identify": ("identify", "-k", "no-such-scenario"),
    "judge": ("judge", "nowhere"),
    "predict": ("predict", "--backlog", "x"),
    "check": ("check", "--server", "no-such-server"),
    "lab": ("lab", "hint", "99"),
    "rules": ("rules", "--no-such-option"),
    "schema": ("schema", "nothing"),
    "features": ("features", "--no-such-option"),
}
"""The same, so that each writes to standard error."""


def run(
    arguments: Sequence[str], *, stdout: int | IO[bytes] = subprocess.PIPE, stderr: int | IO[bytes] = subprocess.PIPE,
    before: Callable[[], None] | None = None, behind: Sequence[str] = (), **environment: str,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """The program's end; ``before`` runs in the child just before it, and the program ``behind`` starts it."""
    return subprocess.run(
        [*behind, *PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=ROOT, text=True,
        errors="surrogateescape", preexec_fn=before, timeout=PATIENCE, env={**os.environ, **environment},
    )  # fmt: skip


def closing(*descriptors: int) -> Callable[[], None]:
    """What a shell does for ``>&-`` and ``2>&-``."""

    def close() -> None:
        for descriptor in descriptors:
            os.close(descriptor)

    return close
