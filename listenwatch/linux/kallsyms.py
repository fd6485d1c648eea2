"""Which functions the kernel has under their own names, by /proc/kallsyms."""

from collections.abc import Collection
from pathlib import Path


def functions_listed(names: Collection[str], root: Path = Path("/")) -> frozenset[str] | None:
    """Those of ``names`` that /proc/kallsyms lists (0.1 s), not of modules; None if it is missing or empty."""
    try:
        text = (root / "proc/kallsyms").read_bytes()
    except OSError:
        return None
    if not text:
        return None
    return frozenset(name for name in names if b" %s\n" % name.encode() in text)
