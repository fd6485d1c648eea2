"""English of docstrings and of the model's texts, made Markdown."""

from __future__ import annotations

import re

COMMIT = "https://git.kernel.org/linus"
_C_NAMES = re.compile(r"\bnet/[\w/]+\.c\b|\bnet\.\w+\.\w+|\b\w*_\w+\b(?:\(\))?")


def prose(text: str) -> str:
    """English for Markdown: C names, paths and sysctls as code, commits as links, the rest as it is."""
    parts = text.replace("``", "`").split("`")
    for number in range(0, len(parts), 2):
        plain = re.sub(r"([*|<\[\]])", r"\\\1", parts[number])
        plain = _C_NAMES.sub(r"`\g<0>`", plain)
        parts[number] = re.sub(r"\b([0-9a-f]{12})\b", rf"[\1]({COMMIT}/\1)", plain)
    return "`".join(parts)
