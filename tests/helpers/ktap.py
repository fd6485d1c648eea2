"""Reads KTAP as strictly as its readers in the kernel tree."""

from __future__ import annotations

import re

RESULT = re.compile(r"(ok|not ok) (\d+) (\S+)(?: # ([A-Z]+)(?: (.*))?)?")
Line = tuple[str, str, str | None, str | None]
"""ok or not ok, the name, the directive and its text."""


def results(text: str) -> list[Line]:
    """Every result line; asserts that the rest is the version, the plan and diagnostics."""
    version, plan, *rest = text.splitlines()
    assert version == "KTAP version 1"
    found: list[Line] = []
    for line in rest:
        if line.startswith("# "):
            continue
        match = RESULT.fullmatch(line)
        assert match, f"not KTAP: {line!r}"
        word, number, name, directive, reason = match.groups()
        assert int(number) == len(found) + 1
        found.append((word, name, directive, reason))
    assert plan == f"1..{len(found)}"
    return found
