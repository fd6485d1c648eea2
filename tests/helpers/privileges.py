"""Command lines that run a command with fewer privileges than ours."""

from __future__ import annotations

from collections.abc import Iterable


def as_nobody(capabilities: Iterable[str], command: list[str]) -> list[str]:
    """The command line that runs another with these alone."""
    held = ",".join(["-all", *(f"+{name.removeprefix('CAP_').lower()}" for name in capabilities)])
    mount = "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null"  # refused where it is mounted
    return [
        "unshare", "--mount", "sh", "-c", f'{mount}; exec "$@"', "sh",
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", f"--bounding-set={held}",
        f"--inh-caps={held}", f"--ambient-caps={held}", "--no-new-privs", "--", *command,
    ]  # fmt: skip
