"""Numbers among the arguments: plain digits, no ``1_0``, no blanks, no digits of other scripts."""

import argparse
import contextlib
import re

LONGEST = 1e9
"""Seconds, some 30 years: whoever asks for more gets this."""
_UNITS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_TIME = re.compile("".join(rf"(?:(?P<{unit}>\d+(?:\.\d+)?){unit}(?![a-z]))?" for unit in _UNITS), re.ASCII)
"""Each unit at most once, the greatest first."""


def plain(text: str) -> str:
    """The text, for ``int`` and ``float``, which take more for numbers than people do; ValueError for that."""
    if not text.isascii() or "_" in text or text != text.strip():
        raise ValueError(f"not a number: {text!r}")
    return text


def integer(text: str) -> int:
    """An option's argument: a whole number."""
    with contextlib.suppress(ValueError):
        return int(plain(text))
    raise argparse.ArgumentTypeError(f"not a whole number: {text!r}")


def positive(text: str) -> float:
    """An option's argument: a finite number above 0."""
    with contextlib.suppress(ValueError):
        if 0 < (number := float(plain(text))) < float("inf"):
            return number
    raise argparse.ArgumentTypeError(f"not a number above 0: {text!r}")


def seconds(text: str) -> float:
    """An option's argument, a time above 0, in seconds: ``90``, ``0.5``, ``90s``, ``5m``, ``1h30m``, ``2d``, ``200ms``."""
    with contextlib.suppress(argparse.ArgumentTypeError):
        return min(positive(text), LONGEST)
    parts = match.groupdict(default="0") if (match := _TIME.fullmatch(text)) else {}
    if total := sum(float(number) * _UNITS[unit] for unit, number in parts.items()):
        return min(total, LONGEST)
    raise argparse.ArgumentTypeError(f"not a time above 0: {text!r} (give seconds, or a time such as 90s, 5m, 1h30m, 2d)")


def positive_int(text: str) -> int:
    """An option's argument: a whole number above 0."""
    with contextlib.suppress(ValueError):
        if (number := int(plain(text))) > 0:
            return number
    raise argparse.ArgumentTypeError(f"not a whole number above 0: {text!r}")


def integers(text: str) -> list[int]:
    """An option's argument: whole numbers, with commas between them."""
    return [integer(number) for number in text.split(",")]


def ports(text: str) -> list[int]:
    """An option's argument: ports, with commas between them."""
    return [port(number) for number in text.split(",")]


def port(text: str) -> int:
    """An option's argument: a port."""
    with contextlib.suppress(ValueError):
        if 0 < (number := int(plain(text))) < 65536:
            return number
    raise argparse.ArgumentTypeError(f"not a port: {text!r} (1 to 65535)")
