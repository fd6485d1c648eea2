"""net/unix/af_unix.c: listen() on stream and seqpacket sockets, and the next connect() to one."""

from errno import EINVAL

from listenwatch.model.inputs import TcpState
from listenwatch.model.queue_rules import QueueRule, Response
from listenwatch.model.rules import Rule
from listenwatch.model.run import Run, Sock
from listenwatch.model.steps import Action
from listenwatch.model.tcp_input import QueueResponse, acceptq_is_full


def unix_listen(run: Run, sk: Sock, backlog: int) -> int:
    """``unix_listen()``: the socket needs an address, there is no autobind."""
    if not sk.bound:
        return run.end(Rule.UNIX_UNBOUND, -EINVAL)
    if sk.state not in (TcpState.CLOSE, TcpState.LISTEN):
        if run.behaviour.unix_wrong_state_listens:
            return run.end(Rule.UNIX_WRONG_STATE_IGNORED, 0)
        return run.end(Rule.UNIX_WRONG_STATE, -EINVAL)
    run.rule = Rule.UNIX_RELISTENS if sk.state == TcpState.LISTEN else Rule.UNIX_LISTENS
    run.store_backlog(sk, backlog)
    sk.state = TcpState.LISTEN
    run.step("unix_listen", Action.LISTENS_AND_WAKES, sk)
    return 0


def unix_stream_connect(queued: int, max_ack_backlog: int, *, nonblocking: bool) -> QueueResponse:
    """``unix_stream_connect()`` to a listener with ``queued`` connections waiting.

    ``unix_recvq_full()``: ``skb_queue_len(&sk->sk_receive_queue) > sk->sk_max_ack_backlog``, so one
    more than the limit waits here too. Nothing is dropped and no counter moves.
    """
    if not acceptq_is_full(queued, max_ack_backlog):
        return QueueResponse(Response.QUEUED, QueueRule.UNIX_QUEUED)
    if nonblocking:
        return QueueResponse(Response.EAGAIN, QueueRule.UNIX_EAGAIN)
    return QueueResponse(Response.BLOCKS, QueueRule.UNIX_BLOCKS)
