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


class RuleSeen(NamedTuple):
    """Where a rule of how a call ends was last seen: the newest kernel, and the ``module`` that made it end so, if one did."""

    version: Version
    machine: str
    attach: str
    module: str = ""


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
    KernelRun((6, 12, 117), "riscv64", "fentry", 995),
    KernelRun((6, 12, 118), "x86_64", "kprobe", 976),
    KernelRun((6, 18, 44), "x86_64", "tracepoint", 892),
    KernelRun((7, 2, 13), "x86_64", "kprobe", 972),
    KernelRun((7, 3, 4), "x86_64", "kprobe", 973),
)
"""The oldest first."""

SEEN = {
    "bad-descriptor": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "not-a-socket": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "security-refused": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "not-supported": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "wrong-socket-state": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "wrong-state": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "relistens": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "ulp-refused": RuleSeen((6, 1, 0), "x86_64", "kprobe", "ulp_without_clone"),
    "port-taken": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "no-free-port": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "port-failure-lost": RuleSeen((5, 4, 229), "i686", "oldlisten"),
    "hash-failed": RuleSeen((6, 1, 0), "x86_64", "kprobe", "no_reuseport_memory"),
    "listens": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "autobinds": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "mptcp-accepted": RuleSeen((6, 1, 192), "aarch64", "kprobe"),
    "unix-unbound": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "unix-wrong-state": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "unix-wrong-state-ignored": RuleSeen((6, 1, 0), "x86_64", "kprobe", "unix_state_ignored"),
    "unix-listens": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "unix-relistens": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "vsock-unbound": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "vsock-listens": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "vsock-relistens": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "sctp-not-listening": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "sctp-stops": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "sctp-listens": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "sctp-autobinds": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "sctp-relistens": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
    "sctp-port-taken": RuleSeen((7, 3, 4), "x86_64", "kprobe"),
}
"""By the rule's id; one that is not in it no recorded kernel has shown."""

RECORDED: dict[Version, dict[str, int]] = {
    (2, 6, 20): {
        "bad-descriptor": 2, "not-a-socket": 3, "not-supported": 9, "wrong-socket-state": 9, "relistens": 37,
        "port-taken": 2, "no-free-port": 1, "listens": 345, "autobinds": 6, "unix-unbound": 6, "unix-wrong-state": 4,
        "kept": 248, "zero": 28, "clamped": 58, "negative": 25, "somaxconn-negative": 60, "not-reached": 5
    },
    (2, 6, 24): {
        "bad-descriptor": 2, "not-a-socket": 3, "not-supported": 9, "wrong-socket-state": 9, "relistens": 37,
        "port-taken": 2, "no-free-port": 1, "listens": 347, "autobinds": 7, "unix-unbound": 6, "unix-wrong-state": 4,
        "kept": 251, "zero": 28, "clamped": 58, "negative": 25, "somaxconn-negative": 60, "not-reached": 5
    },
    (2, 6, 32, 69): {
        "bad-descriptor": 2, "not-a-socket": 3, "not-supported": 9, "wrong-socket-state": 9, "relistens": 23,
        "port-taken": 2, "no-free-port": 1, "listens": 239, "autobinds": 7, "unix-unbound": 6, "unix-wrong-state": 4,
        "kept": 206, "zero": 24, "clamped": 53, "negative": 17, "not-reached": 5
    },
    (3, 10, 17): {
        "bad-descriptor": 3, "not-a-socket": 2, "not-supported": 9, "wrong-socket-state": 9, "relistens": 23,
        "port-taken": 2, "no-free-port": 1, "listens": 239, "autobinds": 7, "unix-unbound": 6, "unix-wrong-state": 4,
        "kept": 206, "zero": 24, "clamped": 53, "negative": 17, "not-reached": 5
    },
    (3, 19, 8): {
        "bad-descriptor": 3, "not-a-socket": 2, "not-supported": 9, "wrong-socket-state": 9, "relistens": 23,
        "port-taken": 2, "no-free-port": 1, "listens": 239, "autobinds": 7, "unix-unbound": 6, "unix-wrong-state": 4,
        "kept": 206, "zero": 24, "clamped": 53, "negative": 17, "not-reached": 5
    },
    (4, 3, 0): {
        "bad-descriptor": 3, "not-a-socket": 2, "not-supported": 9, "wrong-socket-state": 9, "relistens": 30,
        "port-taken": 2, "no-free-port": 1, "listens": 293, "autobinds": 7, "unix-unbound": 6, "unix-wrong-state": 4,
        "kept": 251, "zero": 28, "clamped": 58, "negative": 24, "not-reached": 5
    },
    (4, 9, 0): {
        "bad-descriptor": 3, "not-a-socket": 2, "not-supported": 9, "wrong-socket-state": 9, "relistens": 30,
        "port-taken": 2, "no-free-port": 1, "listens": 293, "autobinds": 7, "unix-unbound": 6, "unix-wrong-state": 4,
        "kept": 251, "zero": 28, "clamped": 58, "negative": 24, "not-reached": 5
    },
    (4, 10, 17): {
        "bad-descriptor": 3, "not-a-socket": 2, "not-supported": 9, "wrong-socket-state": 9, "relistens": 30,
        "port-taken": 2, "no-free-port": 1, "listens": 293, "autobinds": 7, "unix-unbound": 6, "unix-wrong-state": 4,
        "kept": 251, "zero": 28, "clamped": 58, "negative": 24, "not-reached": 5
    },
    (4, 14, 303): {
        "bad-descriptor": 3, "not-a-socket": 2, "not-supported": 9, "wrong-socket-state": 9, "relistens": 30,
        "port-failure-lost": 2, "listens": 293, "autobinds": 7, "unix-unbound": 6, "unix-wrong-state": 4, "kept": 250,
        "zero": 28, "clamped": 58, "negative": 24, "not-reached": 5
    },
    (4, 19, 40): {
        "bad-descriptor": 3, "not-a-socket": 2, "not-supported": 9, "wrong-socket-state": 9, "relistens": 30,
        "port-taken": 2, "no-free-port": 1, "listens": 293, "autobinds": 7, "unix-unbound": 6, "unix-wrong-state": 4,
        "kept": 251, "zero": 28, "clamped": 58, "negative": 24, "not-reached": 5
    },
    (5, 0, 1): {
        "bad-descriptor": 3, "not-a-socket": 2, "not-supported": 9, "wrong-socket-state": 9, "relistens": 30,
        "port-taken": 2, "no-free-port": 1, "listens": 293, "autobinds": 7, "unix-unbound": 6, "unix-wrong-state": 4,
        "kept": 251, "zero": 28, "clamped": 58, "negative": 24, "not-reached": 5
    },
    (5, 4, 229): {
        "bad-descriptor": 3, "not-a-socket": 2, "not-supported": 9, "wrong-socket-state": 9, "relistens": 30,
        "port-failure-lost": 2, "listens": 293, "autobinds": 7, "unix-unbound": 6, "unix-wrong-state": 4, "kept": 250,
        "zero": 28, "clamped": 58, "negative": 24, "not-reached": 5
    },
    (5, 9, 1): {
        "bad-descriptor": 3, "not-a-socket": 2, "not-supported": 9, "wrong-socket-state": 9, "relistens": 30,
        "port-taken": 2, "no-free-port": 1, "listens": 293, "autobinds": 7, "unix-unbound": 6, "unix-wrong-state": 4,
        "kept": 251, "zero": 28, "clamped": 58, "negative": 24, "not-reached": 5
    },
}
"""Kernels that no matrix runs any more: how many of their recorded calls each rule explains, by its id."""
