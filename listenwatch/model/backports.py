"""What stable trees took from later kernels: why a release number says more than its series."""

from __future__ import annotations

from typing import NamedTuple

Version = tuple[int, int, int]


class Span(NamedTuple):
    """In ``series``, from patch level ``first`` on, a field has ``value`` (None: not known)."""

    series: tuple[int, int]
    first: int
    value: bool | None


class Backport(NamedTuple):
    """One field of Behaviour and the series in which it is not what its mainline era says."""

    field: str
    spans: tuple[Span, ...]

    def value_in(self, version: Version) -> bool | str | None:
        """The field's value in a release; ``MAINLINE`` where its era stands."""
        value: bool | str | None = MAINLINE
        for span in self.spans:
            if span.series == version[:2] and span.first <= version[2]:
                value = span.value
        return value


MAINLINE = "mainline"


BACKPORTS = (
    Backport(
        "ulp_without_clone_refused",
        (
            Span((4, 14), 178, None),
            Span((4, 14), 303, True),
            Span((4, 19), 96, None),
            Span((4, 19), 270, True),
            Span((5, 4), 1, None),
            Span((5, 4), 229, True),
            Span((5, 10), 1, None),
            Span((5, 10), 223, True),
            Span((5, 15), 25, None),
            Span((5, 15), 100, True),
            Span((6, 0), 0, None),
            Span((6, 1), 1, None),
            Span((6, 1), 55, True),
        ),
    ),
    Backport(
        "port_failure_returns_0",
        (
            Span((4, 14), 303, True),
            Span((4, 14), 308, False),
            Span((4, 19), 270, True),
            Span((4, 19), 276, False),
            Span((5, 4), 229, True),
            Span((5, 4), 235, False),
            Span((5, 10), 163, True),
            Span((5, 10), 173, False),
            Span((5, 15), 88, True),
            Span((5, 15), 95, False),
        ),
    ),
    Backport(
        "get_port_errno_passed_on",
        (
            Span((5, 10), 224, None),
            Span((5, 15), 136, None),
            Span((6, 0), 1, None),
            Span((6, 1), 1, None),
            Span((6, 1), 55, True),
        ),
    ),
    Backport(
        "mptcp_checks_socket_state",
        (
            Span((5, 15), 136, None),
            Span((6, 1), 1, None),
            Span((6, 1), 55, True),
            Span((6, 2), 2, None),
            Span((6, 3), 9, None),
            Span((6, 4), 7, None),
        ),
    ),
    Backport(
        "syn_queue_full_above_limit",
        (
            Span((5, 4), 1, None),
            Span((5, 10), 224, None),
            Span((5, 15), 136, None),
            Span((6, 1), 56, None),
            Span((6, 1), 192, True),
            Span((6, 6), 10, None),
            Span((6, 6), 87, True),
            Span((6, 12), 1, None),
            Span((6, 12), 107, True),
        ),
    ),
    Backport(
        "full_acceptq_drops_every_syn",
        (
            Span((3, 16), 1, None),
            Span((3, 16), 81, True),
            Span((3, 18), 1, None),
            Span((4, 4), 177, None),
            Span((4, 9), 1, None),
        ),
    ),
    Backport(
        "unix_wrong_state_listens",
        (
            Span((6, 18), 3, None),
            Span((6, 18), 44, False),
            Span((7, 0), 0, None),
            Span((7, 1), 0, None),
            Span((7, 2), 0, None),
            Span((7, 2), 12, False),
        ),
    ),
)
"""Read in the stable trees KERNEL facts name, or in the mails that brought the change to them.

``None`` begins after the last release read without a change and ends with the first read with it.
"""
