"""net/core/request_sock.c, include/net/inet_connection_sock.h: how many requests wait for their final ACK."""

from typing import NamedTuple

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.choices import only_result
from listenwatch.model.variants import SynQueue

TCP_SYNQ_HSIZE = 512
"""Slots of the table up to v2.6.18 (include/net/tcp.h)."""


class ListenSock(NamedTuple):
    """struct listen_sock: the table of requests a listener has up to v4.3."""

    nr_table_entries: int
    max_qlen_log: int


def reqsk_queue_alloc(backlog: int, max_syn_backlog: int, behaviour: Behaviour) -> ListenSock | None:
    """``reqsk_queue_alloc()`` of a first listen; a later one does not resize. None from v4.4: no table.

    From source of v2.6.12 and v2.6.18, where ``for (log = 6; (1 << log) < max_syn_backlog; log++)``
    is all, and of v2.6.20 and v4.3: at most tcp_max_syn_backlog, at least 8, then 1 added and
    rounded up to a power of two. Both numbers count as u32 there, so a negative one is huge.
    """
    if behaviour.syn_queue is SynQueue.TABLE_OF_512:
        return ListenSock(TCP_SYNQ_HSIZE, max(6, _log2_roundup(max_syn_backlog)))
    if behaviour.syn_queue is SynQueue.TABLE_BY_BACKLOG:
        entries = max(min(_u32(backlog), _u32(max_syn_backlog)), 8)
        log = _log2_roundup(entries + 1)
        return ListenSock(1 << log, log)
    return None


def syn_queue_limit(max_ack_backlog: int, table: ListenSock | None, behaviour: Behaviour) -> int | None:
    """The most requests that wait; with as many the SYN queue is full. None where that is not known."""
    if table:
        return 1 << table.max_qlen_log
    return only_result(lambda b: max_ack_backlog + b.syn_queue_full_above_limit, behaviour)


def syn_queue_is_full(
    qlen: int, max_ack_backlog: int, table: ListenSock | None, behaviour: Behaviour
) -> bool | None:
    """``inet_csk_reqsk_queue_is_full()`` with ``qlen`` requests waiting; None where that is not known.

    ``qlen >> max_qlen_log`` until Linux kernel commit ef547f2ac16b ("tcp: remove max_qlen_log")
    (in v4.4), ``qlen >= sk_max_ack_backlog`` until Linux kernel commit 3479c7549fb1 ("tcp/dccp:
    allow a connection when sk_max_ack_backlog is zero") (in v6.13 and stable trees), then ``>``.
    """
    if table:
        return qlen >> table.max_qlen_log != 0
    return only_result(lambda b: qlen >= max_ack_backlog + b.syn_queue_full_above_limit, behaviour)


def is_in_last_quarter(qlen: int, max_syn_backlog: int) -> bool:
    """Without syncookies the last quarter of tcp_max_syn_backlog is for peers known to be alive.

    ``max_syn_backlog - qlen < max_syn_backlog >> 2``, signed, in ``tcp_conn_request()``,
    net/ipv4/tcp_input.c (``tcp_v4_conn_request()`` before); from source of v2.6.12 and v7.3.
    """
    return max_syn_backlog - qlen < max_syn_backlog >> 2


def first_quarters(max_syn_backlog: int) -> int:
    """How many requests of unproven peers the rule of the last quarter lets in."""
    return max(0, max_syn_backlog - (max_syn_backlog >> 2) + 1)


def _u32(number: int) -> int:
    return number & 0xFFFF_FFFF


def _log2_roundup(number: int) -> int:
    """The smallest n with ``1 << n >= number``."""
    return (number - 1).bit_length() if number > 1 else 0
