"""How kernels differ, as data: one field per observable change of the listen path."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Stored(Enum):
    """When ``inet_listen()`` stores the backlog of a first listen."""

    AFTER_LISTEN_START = "zeroed in inet_csk_listen_start, stored after it succeeded"
    INSIDE_LISTEN_START = "stored in inet_csk_listen_start"
    BEFORE_LISTEN_START = "stored before inet_csk_listen_start"


class Behaviour(NamedTuple):
    """One kernel's listen path. ``None`` in a field means not known: both are then allowed."""

    max_ack_backlog_bits: int = 32
    """Width of sk_max_ack_backlog: a backlog beyond it wraps.

    16 until Linux kernel commit becb74f0acca ("net: increase sk_[max_]ack_backlog") (in v4.1),
    which made it u32. Consequence before: listen(65536) with somaxconn above it stores 0.
    """

    stored: Stored = Stored.BEFORE_LISTEN_START
    """When the backlog is stored, visible at each stage and after a failed first listen.

    Linux kernel commit 1295e2cf3065 ("inet: minor optimization for backlog setting in listen(2)")
    (in v5.0) moved it before inet_csk_listen_start(); a failed listen leaves the backlog behind.
    """

    ulp_without_clone_refused: bool | None = True
    """listen() answers EINVAL on a socket with an upper layer protocol that cannot be cloned (TLS).

    Linux kernel commit 2c02d41d71f9 ("net/ulp: prevent ULP without clone op from entering the
    LISTEN status") (in v6.2), and stable trees: present in 5.10.223, 5.15.100 and 6.1.55.
    """

    ipv6_hash: str = "inet_hash"
    """The .hash of TCP over IPv6, as the hash stage shows.

    ``inet6_hash`` from v4.6 until Linux kernel commit 0ac44301e3bf ("tcp: Remove inet6_hash().")
    (in v6.18), ``inet_hash`` since.
    """

    mptcp_enters: str = "__inet_listen_sk"
    """Where an MPTCP listen reaches TCP: through ``inet_listen`` of the subflow's socket until v6.5,
    straight into ``__inet_listen_sk`` of the subflow since v6.6 (net/mptcp/protocol.c).
    """

    unix_wrong_state_listens: bool | None = False
    """listen() on a bound AF_UNIX socket in a state other than CLOSE and LISTEN returns 0, doing nothing.

    A slip of v6.16: Linux kernel commit fd0a109a0f6b ("net, pidfs: prepare for handing out pidfds
    for reaped sk->sk_peer_pid") overwrote the prepared -EINVAL in unix_listen(). Seen in 6.17.0,
    6.18.2 and 6.19.0; mended before 7.2.12 and in 6.18.44.
    """


LINUX_7_3 = Behaviour()
LINUX_6_6 = LINUX_7_3._replace(ipv6_hash="inet6_hash")
LINUX_5_10 = LINUX_6_6._replace(mptcp_enters="inet_listen")
