"""net/ipv4/tcp_input.c, tcp_minisocks.c, net/unix/af_unix.c: what a listener's numbers mean to the next connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import Environment
from listenwatch.model.queue_rules import Answer, QueueRule
from listenwatch.model.syn_queue import ListenSock, is_in_last_quarter, syn_queue_is_full


class Listener(NamedTuple):
    """A listening TCP socket at one moment.

    ``max_ack_backlog`` is the limit stored, ``ack_backlog`` the length of the accept queue,
    ``qlen`` that of the SYN queue, ``young`` how many of its requests had their SYN-ACK sent only
    once. ``table`` is what ``reqsk_queue_alloc()`` made of the first listen; None from v4.4.
    """

    max_ack_backlog: int
    ack_backlog: int = 0
    qlen: int = 0
    young: int = 0
    table: ListenSock | None = None


class Fate(NamedTuple):
    """What a connection meets, why, and the counters of /proc/net/netstat (TcpExt) it moves by one each."""

    answer: Answer
    rule: QueueRule
    counters: tuple[str, ...] = ()


def acceptq_is_full(ack_backlog: int, max_ack_backlog: int) -> bool:
    """``sk_acceptq_is_full()``, include/net/sock.h: ``sk_ack_backlog > sk_max_ack_backlog``.

    So in every release from v2.6.12 on; ``>=`` only ever lived in release candidates (Linux kernel
    commit 8488df894d05, reverted by 64a146513f8f before v2.6.21; f211ac154577, reverted by
    c609e6aae4ef before v5.12).
    """
    return ack_backlog > max_ack_backlog


def accept_queue_capacity(max_ack_backlog: int, behaviour: Behaviour) -> int:
    """How many established connections wait for accept(): one more than the limit, as the test is ``>``.

    sk_ack_backlog is as wide as the limit: at the largest limit it wraps and never exceeds it, so
    the number returned, 2 to the power of the width, is one that no queue reaches; see ``never_full``.
    """
    return min(max_ack_backlog, _largest(behaviour)) + 1


def never_full(max_ack_backlog: int, behaviour: Behaviour) -> bool:
    """Whether no counter of this width exceeds the limit: 65535 before v4.1, 4294967295 since."""
    return max_ack_backlog >= _largest(behaviour)


def _largest(behaviour: Behaviour) -> int:
    return (1 << behaviour.max_ack_backlog_bits) - 1


def fate_of_syn(
    listener: Listener, environment: Environment, behaviour: Behaviour, *, proven: bool = False
) -> Fate:
    """``tcp_conn_request()`` for the next SYN, of no TIME_WAIT socket and without fast open.

    ``tcp_v4_conn_request()`` until v3.16. ``proven`` says whether the peer's round trip is known
    from an earlier connection (``tcp_peer_is_proven()``, net/ipv4/tcp_metrics.c). Where the
    behaviour leaves open what happens, the answer is UNKNOWN.
    """
    fates = {
        tcp_conn_request(listener, environment, known, proven=proven)
        for known in _every_known(behaviour)
    }
    return fates.pop() if len(fates) == 1 else Fate(Answer.UNKNOWN, QueueRule.SYN_UNKNOWN)


def _every_known(behaviour: Behaviour) -> Iterator[Behaviour]:
    """The behaviour with each value that what is not known of its queues may have."""
    for name in ("syn_queue_full_above_limit", "full_acceptq_drops_every_syn"):
        if getattr(behaviour, name) is None:
            for value in (True, False):
                yield from _every_known(Behaviour(**{**behaviour._asdict(), name: value}))
            return
    yield behaviour


def tcp_conn_request(
    listener: Listener, environment: Environment, behaviour: Behaviour, *, proven: bool
) -> Fate:
    """The function itself, for a behaviour of which everything is known."""
    full = syn_queue_is_full(listener.qlen, listener.max_ack_backlog, listener.table, behaviour)
    always = environment.syncookies == 2 and behaviour.syncookies_2_is_always
    counters: tuple[str, ...] = ()
    cookie = full or always
    if cookie:
        counters = _flood_counters(environment, behaviour)
        if not environment.syncookies:
            return _drop(QueueRule.SYN_QUEUE_FULL, counters, behaviour)
    if _syn_meets_full_acceptq(listener, behaviour):
        overflow = ("ListenOverflows",) if behaviour.syn_drops_counted else ()
        return _drop(QueueRule.SYN_ACCEPT_QUEUE_FULL, counters + overflow, behaviour)
    if cookie:
        rule = QueueRule.SYN_COOKIE if full else QueueRule.SYN_COOKIE_ALWAYS
        return Fate(Answer.COOKIE, rule, (*counters, "SyncookiesSent"))
    if (
        not environment.syncookies
        and not proven
        and is_in_last_quarter(listener.qlen, environment.max_syn_backlog)
    ):
        return _drop(QueueRule.SYN_LAST_QUARTER, (), behaviour)
    return Fate(Answer.SYN_ACK, QueueRule.SYN_QUEUED)


def _flood_counters(environment: Environment, behaviour: Behaviour) -> tuple[str, ...]:
    """``tcp_syn_flood_action()``: counts what it decides."""
    if not behaviour.syn_floods_counted:
        return ()
    return ("TCPReqQFullDoCookies" if environment.syncookies else "TCPReqQFullDrop",)


def _syn_meets_full_acceptq(listener: Listener, behaviour: Behaviour) -> bool:
    if not acceptq_is_full(listener.ack_backlog, listener.max_ack_backlog):
        return False
    return bool(behaviour.full_acceptq_drops_every_syn) or listener.young > 1


def _drop(rule: QueueRule, counters: tuple[str, ...], behaviour: Behaviour) -> Fate:
    """The label ``drop`` of ``tcp_conn_request()``: ``tcp_listendrop()``."""
    if behaviour.syn_drops_counted:
        counters = (*counters, "ListenDrops")
    return Fate(Answer.DROPPED, rule, counters)


def fate_of_final_ack(
    listener: Listener,
    environment: Environment,
    behaviour: Behaviour,
    *,
    cookie: bool = False,
    fastopen: bool = False,
) -> Fate:
    """``tcp_v4_syn_recv_sock()`` for the ACK that ends a handshake, and ``tcp_check_req()`` if it fails.

    ``cookie``: the SYN was answered with a cookie, so there is no request to keep or to reset.
    ``fastopen``: the SYN carried data and was taken; its child waits in the accept queue already.
    The same in every release (from source of v2.6.12 and v7.3), so ``behaviour`` decides nothing yet.
    """
    if fastopen:
        return Fate(Answer.QUEUED, QueueRule.ACK_FASTOPEN)
    if not acceptq_is_full(listener.ack_backlog, listener.max_ack_backlog):
        return Fate(Answer.QUEUED, QueueRule.ACK_QUEUED)
    counters = ("ListenOverflows", "ListenDrops")
    if cookie:
        return Fate(Answer.IGNORED, QueueRule.ACK_COOKIE_OVERFLOW, counters)
    if environment.abort_on_overflow:
        return Fate(Answer.RESET, QueueRule.ACK_RESET, (*counters, "EmbryonicRsts"))
    return Fate(Answer.IGNORED, QueueRule.ACK_OVERFLOW, counters)


def fate_of_unix_connect(queued: int, max_ack_backlog: int, *, nonblocking: bool) -> Fate:
    """``unix_stream_connect()`` to a listener with ``queued`` connections waiting.

    ``unix_recvq_full()``: ``skb_queue_len(&sk->sk_receive_queue) > sk->sk_max_ack_backlog``, so one
    more than the limit waits here too. Nothing is dropped and no counter moves.
    """
    if not acceptq_is_full(queued, max_ack_backlog):
        return Fate(Answer.QUEUED, QueueRule.UNIX_QUEUED)
    if nonblocking:
        return Fate(Answer.EAGAIN, QueueRule.UNIX_EAGAIN)
    return Fate(Answer.BLOCKS, QueueRule.UNIX_BLOCKS)
