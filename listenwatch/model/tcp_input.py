"""net/ipv4/tcp_input.c, include/net/sock.h: what a listener's numbers mean to the next SYN."""

from typing import NamedTuple

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.choices import only_result
from listenwatch.model.inputs import Environment
from listenwatch.model.queue_rules import QueueRule, Response
from listenwatch.model.request_sock import ListenSock, is_in_last_quarter, syn_queue_is_full


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


class QueueResponse(NamedTuple):
    """What a connection gets, why, and the counters of /proc/net/netstat (TcpExt) it moves by one each."""

    response: Response
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


def tcp_conn_request(
    listener: Listener, environment: Environment, behaviour: Behaviour, *, proven: bool = False
) -> QueueResponse:
    """``tcp_conn_request()`` for the next SYN, of no TIME_WAIT socket and without fast open.

    ``tcp_v4_conn_request()`` until v3.16. ``proven`` says whether the peer's round trip is known
    from an earlier connection (``tcp_peer_is_proven()``, net/ipv4/tcp_metrics.c). The response is
    UNKNOWN where what is not known of the behaviour makes a difference.
    """
    response = only_result(lambda b: _conn_request(listener, environment, b, proven), behaviour)
    return response or QueueResponse(Response.UNKNOWN, QueueRule.SYN_UNKNOWN)


def _conn_request(
    listener: Listener, environment: Environment, behaviour: Behaviour, proven: bool
) -> QueueResponse:
    full = syn_queue_is_full(listener.qlen, listener.max_ack_backlog, listener.table, behaviour)
    always = environment.syncookies == 2 and behaviour.syncookies_2_is_always
    counters: tuple[str, ...] = ()
    cookie = full or always
    if cookie:
        counters = _flood_counters(environment, behaviour)
        if not environment.syncookies:
            return _drop(QueueRule.SYN_QUEUE_FULL, counters, behaviour)
    if _acceptq_drops(listener, behaviour):
        overflow = ("ListenOverflows",) if behaviour.syn_drops_counted else ()
        return _drop(QueueRule.SYN_ACCEPT_QUEUE_FULL, counters + overflow, behaviour)
    if cookie:
        rule = QueueRule.SYN_COOKIE if full else QueueRule.SYN_COOKIE_ALWAYS
        drops = ("ListenDrops",) if behaviour.cookies_counted_as_drops else ()
        return QueueResponse(Response.COOKIE, rule, (*counters, "SyncookiesSent", *drops))
    if (
        not environment.syncookies
        and not proven
        and is_in_last_quarter(listener.qlen, environment.max_syn_backlog)
    ):
        return _drop(QueueRule.SYN_LAST_QUARTER, (), behaviour)
    full_acceptq = acceptq_is_full(listener.ack_backlog, listener.max_ack_backlog)
    return QueueResponse(Response.SYN_ACK, QueueRule.SYN_QUEUED_WHILE_FULL if full_acceptq else QueueRule.SYN_QUEUED)


def _flood_counters(environment: Environment, behaviour: Behaviour) -> tuple[str, ...]:
    """``tcp_syn_flood_action()``: counts what it decides."""
    if not behaviour.syn_floods_counted:
        return ()
    return ("TCPReqQFullDoCookies" if environment.syncookies else "TCPReqQFullDrop",)


def _acceptq_drops(listener: Listener, behaviour: Behaviour) -> bool:
    if not acceptq_is_full(listener.ack_backlog, listener.max_ack_backlog):
        return False
    return behaviour.full_acceptq_drops_every_syn or listener.young > 1


def _drop(rule: QueueRule, counters: tuple[str, ...], behaviour: Behaviour) -> QueueResponse:
    """The label ``drop`` of ``tcp_conn_request()``: ``tcp_listendrop()``."""
    if behaviour.syn_drops_counted:
        counters = (*counters, "ListenDrops")
    return QueueResponse(Response.DROPPED, rule, counters)
