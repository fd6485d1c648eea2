"""net/ipv4/tcp_minisocks.c: what becomes of the ACK that ends a handshake."""

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import Environment
from listenwatch.model.queue_rules import QueueRule, Response
from listenwatch.model.tcp_input import Listener, QueueResponse, acceptq_is_full


def tcp_check_req(
    listener: Listener, environment: Environment, behaviour: Behaviour, *, cookie: bool = False,
    fastopen: bool = False,
) -> QueueResponse:
    """``tcp_check_req()`` for the ACK that ends a handshake, with ``tcp_v4_syn_recv_sock()`` within.

    ``cookie``: the SYN was answered with a cookie, so there is no request to keep or to reset.
    ``fastopen``: the SYN carried data and was taken; its child waits in the accept queue already.
    The same in every release (from source of v2.6.12 and v7.3), so ``behaviour`` decides nothing yet.
    """
    if fastopen:
        return QueueResponse(Response.QUEUED, QueueRule.ACK_FASTOPEN)
    if not acceptq_is_full(listener.ack_backlog, listener.max_ack_backlog):
        return QueueResponse(Response.QUEUED, QueueRule.ACK_QUEUED)
    counters = ("ListenOverflows", "ListenDrops")
    if cookie:
        return QueueResponse(Response.IGNORED, QueueRule.ACK_COOKIE_OVERFLOW, counters)
    if environment.abort_on_overflow:
        return QueueResponse(Response.RESET, QueueRule.ACK_RESET, (*counters, "EmbryonicRsts"))
    return QueueResponse(Response.IGNORED, QueueRule.ACK_OVERFLOW, counters)
