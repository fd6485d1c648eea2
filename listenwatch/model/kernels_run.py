"""Kernels that were run, not only read. Written by ``python -m tests.helpers.kernels_run``; a test compares it with the data."""

from typing import NamedTuple

from listenwatch.model.history import Version


class KernelRun(NamedTuple):
    """A kernel whose recorded answers the model has to predict: how many ``cases``, in which attach mode, or by
    ``oldlisten``, a program that ran as its init. ``base`` is the release it was reconstructed from, if it was.
    """

    version: Version
    machine: str
    attach: str
    cases: int
    base: str = ""


RUN = (
    KernelRun((2, 6, 20), "i686", "oldlisten", 529),
    KernelRun((2, 6, 24), "i686", "oldlisten", 530),
    KernelRun((2, 6, 32, 69), "i686", "oldlisten", 403),
    KernelRun((3, 10, 17), "i686", "oldlisten", 408),
    KernelRun((3, 19, 8), "i686", "oldlisten", 408),
    KernelRun((4, 3, 0), "i686", "oldlisten", 473),
    KernelRun((4, 9, 0), "i686", "oldlisten", 473),
    KernelRun((4, 10, 17), "i686", "oldlisten", 473),
    KernelRun((4, 14, 303), "i686", "oldlisten", 473, "4.14.74"),
    KernelRun((4, 19, 40), "i686", "oldlisten", 473),
    KernelRun((5, 0, 1), "i686", "oldlisten", 473),
    KernelRun((5, 4, 229), "i686", "oldlisten", 473, "5.4.0"),
    KernelRun((5, 9, 1), "i686", "oldlisten", 473),
    KernelRun((5, 10, 262), "x86_64", "kprobe", 868),
    KernelRun((6, 1, 192), "aarch64", "kprobe", 986),
    KernelRun((6, 1, 192), "x86_64", "kprobe", 965),
    KernelRun((6, 12, 118), "x86_64", "kprobe", 976),
    KernelRun((6, 18, 44), "x86_64", "tracepoint", 892),
    KernelRun((7, 2, 13), "x86_64", "kprobe", 972),
    KernelRun((7, 3, 4), "x86_64", "kprobe", 973),
)
"""The oldest first."""
