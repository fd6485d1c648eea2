"""What changed of somaxconn and of the two queues: net/core/sysctl_net_core.c, request_sock.c, tcp_input.c."""

from dataclasses import dataclass

from listenwatch.model.history import Commit, declare
from listenwatch.model.variants import SomaxconnRange, SynQueue


@dataclass(frozen=True, init=False, repr=False, eq=False)  # what is needed is made of Behaviour alone
class QueueFields:
    """The fields of Behaviour that say what a stored backlog means."""

    somaxconn_default: int = declare(
        """What net.core.somaxconn starts with, and so clamps a backlog nobody configured. 128 until
        {0}.""",
        {"2.6.12": 128, "5.4": 4096},
        commits=(Commit("19f92a030ca6", "net: increase SOMAXCONN to 4096", "v5.4"),),
    )
    somaxconn_per_netns: bool = declare(
        """Each network namespace has its own somaxconn, starting with the default, not with the
        host's. One for the whole system until v2.6.24. From source of v2.6.24 and v2.6.25
        (net/socket.c).""",
        {"2.6.12": False, "2.6.25": True},
    )
    somaxconn_range: SomaxconnRange = declare(
        """What can be written to net.core.somaxconn: a negative one, huge as unsigned, clamps nothing.
        Any int until {0}, then 0 to 65535 until v4.1, where max_ack_backlog became wider (from source
        of v4.0 and v4.1, net/core/sysctl_net_core.c). Longterm trees took it in 3.0.96, 3.4.62 and 3.10.12
        (the queue of the stable trees); 2.6.32.62 and 3.2.53 have it, 2.6.32.9 and 2.6.34.14 do not (read in
        copies of them); 2.6.32.69 and 3.10.17 were run. Where it came in between is not known.""",
        {
            "2.6.12": SomaxconnRange.ANY_INT, "3.11": SomaxconnRange.UNSIGNED_SHORT,
            "4.1": SomaxconnRange.NON_NEGATIVE,
        },
        stable={
            "2.6.32": {10: None, 62: SomaxconnRange.UNSIGNED_SHORT}, "2.6.34": {15: None},
            "3.0": {96: SomaxconnRange.UNSIGNED_SHORT}, "3.2": {42: None, 53: SomaxconnRange.UNSIGNED_SHORT},
            "3.4": {62: SomaxconnRange.UNSIGNED_SHORT}, "3.10": {12: SomaxconnRange.UNSIGNED_SHORT},
        },
        commits=(Commit("5f671d6b4ec3", "net: check net.core.somaxconn sysctl values", "v3.11"),),
    )
    syn_queue: SynQueue = declare(
        """What holds the requests. Allocating a table may fail: listen() answers ENOMEM up to v4.3.
        512 slots and a limit from tcp_max_syn_backlog until v2.6.19, sized by backlog from v2.6.20
        (from source of both). No table and the limit max_ack_backlog since {0}: a later listen() moves
        the limit at once, and with backlog 0 and tcp_syncookies 0 nobody connected until
        ``syn_queue_full_above_limit``.""",
        {"2.6.12": SynQueue.TABLE_OF_512, "2.6.20": SynQueue.TABLE_BY_BACKLOG, "4.4": SynQueue.NO_TABLE},
        commits=(Commit("ef547f2ac16b", "tcp: remove max_qlen_log", "v4.4"),),
    )
    syn_queue_full_above_limit: bool = declare(
        """Without a table, the SYN queue is full with more requests than max_ack_backlog, not with as
        many. {0}, and stable trees: 5.4.290, 5.15.177 and 6.6.72 by their queue, 5.10.234 and 6.1.125 by
        their changelogs, 6.12.10 by the mail of its review.""",
        {"2.6.12": False, "6.13": True},
        stable={
            "5.4": {290: True}, "5.10": {234: True}, "5.15": {177: True},
            "6.1": {125: True}, "6.6": {72: True}, "6.12": {10: True},
        },
        commits=(
            Commit("3479c7549fb1", "tcp/dccp: allow a connection when sk_max_ack_backlog is zero", "v6.13"),
        ),
    )
    syncookies_by_default: bool = declare(
        """net.ipv4.tcp_syncookies starts with 1. 0 until v2.6.32 (from source of v2.6.32 and v2.6.34,
        net/ipv4/tcp_ipv4.c): a full SYN queue drops unless someone turns cookies on.""",
        {"2.6.12": False, "2.6.34": True},
    )
    syncookies_2_is_always: bool = declare(
        """tcp_syncookies 2 answers every SYN with a cookie; before, 2 meant what 1 means. {0}.""",
        {"2.6.12": False, "3.12": True},
        commits=(
            Commit(
                "5ad37d5deee1",
                "tcp: add tcp_syncookies mode to allow unconditionally generation of syncookies", "v3.12",
            ),
        ),
    )
    conn_request: str = declare(
        """The function that answers a SYN: until v3.16 each family's own, ``tcp_v4_conn_request()`` and
        ``tcp_v6_conn_request()``; since, ``tcp_conn_request()`` (net/ipv4/tcp_input.c). From source of
        v3.16 and v3.18.""",
        {"2.6.12": "tcp_v4_conn_request", "3.17": "tcp_conn_request"},
    )
    syn_floods_counted: bool = declare(
        """A full SYN queue counts TCPReqQFullDoCookies or TCPReqQFullDrop. From source of v2.6.37,
        which has no such counters, and v3.2 (net/ipv4/tcp_ipv4.c).""",
        {"2.6.12": False, "3.2": True},
    )
    syn_drops_counted: bool = declare(
        """A dropped SYN counts ListenDrops, and ListenOverflows if the accept queue is full. {0} and
        {1} (from source of v3.6 and v3.8, net/ipv4/tcp_ipv4.c and net/ipv6/tcp_ipv6.c). Before, only a
        lost final ACK was counted.""",
        {"2.6.12": False, "3.8": True},
        commits=(Commit("2aeef18d37aa", "", "v3.8"), Commit("848bf15f361c", "", "v3.8")),
    )
    cookies_counted_as_drops: bool = declare(
        """A SYN answered with a cookie counts ListenDrops too, though nothing is lost: its request is freed
        where a dropped SYN is counted. From v3.8, with ``syn_drops_counted``, until {0}. From source of
        v3.8 and v3.18, v4.6 and v4.7; seen in 3.10.17, 3.19.8 and 4.3.0, not in 2.6.32.69 and 4.9.0.""",
        {"2.6.12": False, "3.8": True, "4.7": False},
        commits=(Commit("9caad864151e", "tcp: increment sk_drops for listeners", "v4.7"),),
    )
    full_acceptq_drops_every_syn: bool = declare(
        """A full accept queue drops every SYN; before only with more than one young request waiting.
        {0}, and stable trees: 3.16.81 by its announcement, 4.4.178 and 4.9.166 by their queue. Before, a
        client could believe it was connected to a server that never queued it.""",
        {"2.6.12": False, "4.10": True},
        stable={"3.16": {81: True}, "3.18": {1: None}, "4.4": {178: True}, "4.9": {166: True}},
        commits=(Commit("5ea8ea2cb7f1", "tcp/dccp: drop SYN packets if accept queue is full", "v4.10"),),
    )
