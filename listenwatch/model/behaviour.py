"""How kernels differ, as data: one field per observable change of the listen path.

A field's docstring says what changed, when, by which commit, and what follows; the defaults are the
newest kernel's. "From source of vX and vY" marks a boundary that was read in both sources, without
the commit at hand. ``eras`` makes kernels of the fields, ``backports`` knows the stable trees.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from listenwatch.model.variants import (
    FastOpen,
    HashError,
    InnerHash,
    ListenerTables,
    SomaxconnRange,
    StartArgument,
    SynQueue,
)


class Stored(Enum):
    """When ``inet_listen()`` stores the backlog of a first listen."""

    AFTER_LISTEN_START = "zeroed in inet_csk_listen_start, stored after it succeeded"
    INSIDE_LISTEN_START = "stored in inet_csk_listen_start"
    BEFORE_LISTEN_START = "stored before inet_csk_listen_start"


class Behaviour(NamedTuple):
    """One kernel's listen path. ``None`` in a field means not known: both are then allowed."""

    sys_listen: str = "__sys_listen_socket"
    """The function that clamps (net/socket.c): ``sys_listen``, from v4.17 ``__sys_listen``.

    From v6.11 ``__sys_listen_socket``, which io_uring calls too. From source of v4.16 and v4.17,
    v6.9 and v6.11.
    """

    somaxconn_default: int = 4096
    """What net.core.somaxconn starts with, and so clamps a backlog nobody configured.

    128 until Linux kernel commit 19f92a030ca6 ("net: increase SOMAXCONN to 4096") (in v5.4).
    """

    somaxconn_per_netns: bool = True
    """Each network namespace has its own somaxconn, starting with the default, not with the host's.

    One for the whole system until v2.6.24. From source of v2.6.24 and v2.6.26 (net/socket.c).
    """

    somaxconn_range: SomaxconnRange = SomaxconnRange.NON_NEGATIVE
    """What can be written to net.core.somaxconn: a negative one, huge as unsigned, clamps nothing.

    Any int until Linux kernel commit 5f671d6b4ec3 (in v3.11), then 0 to 65535 until v4.1, where
    max_ack_backlog became wider (from source of v4.0 and v4.1, net/core/sysctl_net_core.c).
    """

    max_ack_backlog_bits: int = 32
    """Width of sk_max_ack_backlog: a backlog beyond it wraps.

    16 until Linux kernel commit becb74f0acca ("net: increase sk_[max_]ack_backlog") (in v4.1),
    which made it u32. Consequence before: listen(65536) with somaxconn above it stores 0.
    """

    stored: Stored = Stored.BEFORE_LISTEN_START
    """When the backlog is stored, visible at each stage and after a failed first listen.

    Up to v4.3 zeroed first and stored last; from v4.4, where SYNs no longer wait for the listener's
    lock, stored before it is hashed (from source of v4.3 and v4.4). Linux kernel commit 1295e2cf3065
    ("inet: minor optimization for backlog setting in listen(2)") (in v5.0) moved it before
    inet_csk_listen_start(). Since v4.4 a failed listen leaves the backlog behind, before 0.
    """

    listen_start_argument: StartArgument = StartArgument.NONE
    """What ``inet_csk_listen_start()`` gets besides the socket, in the second argument's register.

    The constant 512 until v2.6.18, the backlog from v2.6.20, unused since v5.0, gone in v5.17. From
    source of v2.6.18 and v2.6.20, v5.15 and v5.17 (net/ipv4/inet_connection_sock.c).
    """

    fastopen: FastOpen = FastOpen.TUNES
    """What a first listen does if tcp_fastopen has 0x2 and a bit for listeners without socket option.

    No server side until v3.6; then a queue is allocated (ENOMEM is possible); from v4.4 only its
    limit set; from v4.9 without the variant 0x800. From source of v3.6 and v3.8, v4.3 and v4.4,
    v4.8 and v4.9 (net/ipv4/af_inet.c). Done once: a later listen leaves the limit as it is.
    """

    ulp_without_clone_refused: bool | None = True
    """listen() answers EINVAL on a socket with an upper layer protocol that cannot be cloned (TLS).

    Linux kernel commit 2c02d41d71f9 ("net/ulp: prevent ULP without clone op from entering the
    LISTEN status") (in v6.2), and stable trees: present in 5.10.223, 5.15.100 and 6.1.55.
    """

    syn_queue: SynQueue = SynQueue.NO_TABLE
    """What holds the requests. Allocating a table may fail: listen() answers ENOMEM up to v4.3.

    512 slots and a limit from tcp_max_syn_backlog until v2.6.18, sized by backlog from v2.6.20 (from
    source of both). No table and the limit max_ack_backlog since Linux kernel commit ef547f2ac16b
    ("tcp: remove max_qlen_log") (in v4.4): a later listen() moves the limit at once, and with
    backlog 0 and tcp_syncookies 0 nobody connected until ``syn_queue_full_above_limit``.
    """

    syn_queue_full_above_limit: bool | None = True
    """Without a table, the SYN queue is full with more requests than max_ack_backlog, not with as many.

    Linux kernel commit 3479c7549fb1 ("tcp/dccp: allow a connection when sk_max_ack_backlog is
    zero") (in v6.13), and stable trees: present in 6.1.192, 6.6.87 and 6.12.107.
    """

    syncookies_by_default: bool = True
    """net.ipv4.tcp_syncookies starts with 1. 0 until v2.6.32 (from source of v2.6.32 and v2.6.34,
    net/ipv4/tcp_ipv4.c): a full SYN queue drops unless someone turns cookies on.
    """

    syncookies_2_is_always: bool = True
    """tcp_syncookies 2 answers every SYN with a cookie; before, 2 meant what 1 means.

    Linux kernel commit 5ad37d5deee1 ("tcp: add tcp_syncookies mode to allow unconditionally
    generation of syncookies") (in v3.12).
    """

    syn_floods_counted: bool = True
    """A full SYN queue counts TCPReqQFullDoCookies or TCPReqQFullDrop. From source of v2.6.37, which
    has no such counters, and v3.2 (net/ipv4/tcp_ipv4.c).
    """

    syn_drops_counted: bool = True
    """A dropped SYN counts ListenDrops, and ListenOverflows if the accept queue is full.

    Linux kernel commits 2aeef18d37aa and 848bf15f361c (in v3.8; from source of v3.6 and v3.8,
    net/ipv4/tcp_ipv4.c). Before, only a lost final ACK was counted.
    """

    full_acceptq_drops_every_syn: bool | None = True
    """A full accept queue drops every SYN; before only with more than one young request waiting.

    Linux kernel commit 5ea8ea2cb7f1 ("tcp/dccp: drop SYN packets if accept queue is full") (in
    v4.10), and stable trees: 3.16.81, 4.4 after 4.4.176. Before, a client could believe it was
    connected to a server that never queued it.
    """

    state_tracepoint: bool = True
    """sock:inet_sock_set_state fires at CLOSE to LISTEN, and at the way back of a failed listen.

    From source of v4.15 and v4.16 (net/ipv4/inet_connection_sock.c).
    """

    get_port_errno_passed_on: bool | None = True
    """The errno of get_port() is listen()'s; before always EADDRINUSE.

    Linux kernel commit 7a7160edf1bf ("net: Return errno in sk->sk_prot->get_port().") (in v6.2, and
    6.1.y). TCP's own get_port only ever yields EADDRINUSE, so no TCP listen() shows it.
    """

    port_failure_returns_0: bool | None = False
    """listen() returns 0 although get_port() failed; the socket is back in CLOSE and never hashed.

    A slip of stable trees, whose backport of Linux kernel commit 2c02d41d71f9 ("net/ulp: prevent
    ULP without clone op from entering the LISTEN status") (in v6.2) dropped ``err = -EADDRINUSE``:
    4.14.303, 4.19.270, 5.4.229, 5.10.163 and 5.15.88, mended by "tcp: Fix listen() regression in"
    those in 4.14.308, 4.19.276, 5.4.235, 5.10.173 and 5.15.95. Read in the mails, not tried.
    """

    hash_error: HashError = HashError.PASSED_ON
    """What becomes of an error of .hash, which only joining a reuseport group can yield.

    .hash returned void until v4.5; ``inet6_hash()`` returned 0 whatever happened until v4.8, leaving
    a listener nobody can reach. From source of v4.5 and v4.6, v4.8 and v4.9 (net/ipv6/inet6_hashtables.c).
    """

    ipv4_hash: str = "inet_hash"
    """The .hash of TCP over IPv4: ``tcp_v4_hash``, ``inet_hash`` since v2.6.26 at the latest. From
    source of v2.6.24 and v2.6.26 (net/ipv4/tcp_ipv4.c).
    """

    ipv6_hash: str = "inet_hash"
    """The .hash of TCP over IPv6, as the hash stage shows.

    ``tcp_v6_hash`` until v4.0, ``inet_hash`` from v4.1, ``inet6_hash`` from v4.6 until Linux kernel
    commit 0ac44301e3bf ("tcp: Remove inet6_hash().") (in v6.18), ``inet_hash`` since.
    """

    inner_hash: InnerHash = InnerHash.GONE
    """Whether ``__inet_hash()`` is a function a probe can find below .hash.

    A header inline until v2.6.24, static from v2.6.26, global from v4.1 (from source of each,
    net/ipv4/inet_hashtables.c), gone since Linux kernel commit 6445bb832dc0 (in v6.18).
    """

    listener_tables: ListenerTables = ListenerTables.ADDRESS
    """The hash tables a listener is put into: by port, from v4.16 by address too.

    By port no longer since Linux kernel commit cae3873c5b3a ("net: inet: Retire port only
    listening_hash") (in v5.19).
    """

    wakes_lhash_wait: bool = False
    """Hashing over IPv4 wakes those who wait for the one lock of all listeners.

    Until Linux kernel commit 5caea4ea7088 (in v2.6.29), which gave each bucket a lock.
    """

    bpf_listen_callback: bool = True
    """After a first listen BPF_SOCK_OPS_TCP_LISTEN_CB runs in the sock_ops programs of the cgroup.

    From source of v4.18 and v4.19 (net/ipv4/af_inet.c).
    """

    mptcp_enters: str = "__inet_listen_sk"
    """Where an MPTCP listen reaches TCP: through ``inet_listen`` of the subflow's socket until v6.5,
    straight into ``__inet_listen_sk`` of the subflow since v6.6 (net/mptcp/protocol.c).
    """

    mptcp_checks_socket_state: bool | None = True
    """``mptcp_listen()`` answers EINVAL itself unless sock->state is SS_UNCONNECTED, before it makes
    a subflow. Left to the subflow's ``inet_listen()`` until v6.4 (net/mptcp/protocol.c); 6.1.55 checks.
    """

    unix_wrong_state_listens: bool | None = False
    """listen() on a bound AF_UNIX socket in a state other than CLOSE and LISTEN returns 0, doing nothing.

    A slip of v6.16: Linux kernel commit fd0a109a0f6b ("net, pidfs: prepare for handing out pidfds
    for reaped sk->sk_peer_pid") overwrote the prepared -EINVAL in unix_listen(). Seen in 6.17.0,
    6.18.2 and 6.19.0; mended before 7.2.12 and in 6.18.44.
    """


LINUX_7_3 = Behaviour()
