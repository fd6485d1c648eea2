"""The counters of this network namespace that tell what became of a SYN or of a final ACK."""

from collections import Counter
from pathlib import Path

WATCHED = (
    "ListenOverflows", "ListenDrops", "TCPReqQFullDoCookies", "TCPReqQFullDrop", "SyncookiesSent",
    "SyncookiesRecv", "SyncookiesFailed", "EmbryonicRsts",
)
"""Those of TcpExt in /proc/net/netstat (net/ipv4/proc.c) that the queues of a listener move."""


def read() -> str:
    """/proc/net/netstat now. Most of the time it will do to see that it is as it was."""
    return Path("/proc/thread-self/net/netstat").read_text()


def parse(text: str) -> Counter[str]:
    """The watched counters, where names and values stand on alternate lines; 0 for one not there."""
    rows = iter(text.splitlines())
    for names, values in zip(rows, rows, strict=True):
        if names.startswith("TcpExt:"):
            table = dict(zip(names.split()[1:], map(int, values.split()[1:]), strict=True))
            return Counter({name: table.get(name, 0) for name in WATCHED})
    return Counter()


def moved(start: str) -> dict[str, int]:
    """By how much each counter has moved since ``start`` was read; those that did not are left out."""
    before, after = parse(start), parse(read())
    return {name: after[name] - before[name] for name in WATCHED if after[name] != before[name]}
