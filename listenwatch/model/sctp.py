"""net/sctp/socket.c: listen() on SCTP sockets, one-to-one (stream) and one-to-many (seqpacket).

As in v4.10 and later; held against 6.1.192 and 7.3.4.
"""

from errno import EADDRINUSE, EAGAIN, EBUSY, EINVAL, ENOMEM

from listenwatch.model.inet_connection_sock import inet_sk_state_store
from listenwatch.model.inputs import SocketState, TcpState
from listenwatch.model.rules import Rule
from listenwatch.model.run import Run, Sock
from listenwatch.model.stages import StageIndex
from listenwatch.model.steps import Action

_START = "sctp_listen_start"


def sctp_inet_listen(run: Run, sk: Sock, backlog: int) -> int:
    """``sctp_inet_listen()``: backlog 0 means to stop listening. SCTP_SS_CLOSED is TCP_CLOSE, and so on."""
    if backlog < 0:
        return run.end(Rule.SCTP_NEGATIVE, -EINVAL)
    if sk.socket_state != SocketState.UNCONNECTED:
        return run.end(Rule.WRONG_SOCKET_STATE, -EINVAL)
    if sk.state not in (TcpState.CLOSE, TcpState.LISTEN):
        return run.end(Rule.WRONG_STATE, -EINVAL)
    if not backlog:
        if sk.state == TcpState.CLOSE:
            return run.end(Rule.SCTP_NOT_LISTENING, -EINVAL)
        sk.state = TcpState.CLOSE  # written plainly: no tracepoint fires
        run.step("sctp_inet_listen", Action.SETS_STATE, sk, TcpState.CLOSE)
        return run.end(Rule.SCTP_STOPS, 0)
    if sk.state == TcpState.CLOSE:
        return sctp_listen_start(run, sk, backlog)
    run.store_backlog(sk, backlog)
    run.step("sctp_inet_listen", Action.STORES_BACKLOG, sk)
    return run.end(Rule.SCTP_RELISTENS, 0)


def sctp_listen_start(run: Run, sk: Sock, backlog: int) -> int:
    """``sctp_listen_start()``. It is LISTENING before its port is known to be free.

    A failure leaves it LISTENING until v6.10 or so; 6.1.192, 6.6.87 and 6.11 put CLOSED back.
    """
    inet_sk_state_store(run, sk, StageIndex.STATE_LISTEN, TcpState.LISTEN, _START)
    port = "sctp_get_port" if sk.bound else "sctp_autobind"
    if not run.choose(run.knowledge.port_free, True, False):
        run.step(port, Action.FINDS_CONFLICT, sk)
        rule = Rule.SCTP_PORT_TAKEN if sk.bound else Rule.SCTP_NO_FREE_PORT
        return _failed(run, sk, rule, -EADDRINUSE if sk.bound else -EAGAIN)
    run.rule = Rule.SCTP_LISTENS if sk.bound else Rule.SCTP_AUTOBINDS
    run.step(port, Action.KEEPS_PORT if sk.bound else Action.CHOOSES_PORT, sk)
    if not sk.bound:
        sk.bound, sk.local_port = True, None
    run.store_backlog(sk, backlog)
    run.step(_START, Action.STORES_BACKLOG, sk)
    error = run.choose(None, 0, -ENOMEM, -EBUSY) if run.pre.reuseport else 0
    return _failed(run, sk, Rule.SCTP_HASH_FAILED, error) if error else 0


def _failed(run: Run, sk: Sock, rule: Rule, error: int) -> int:
    if run.choose(None, True, False):
        inet_sk_state_store(run, sk, StageIndex.STATE_CLOSE, TcpState.CLOSE, _START)
    return run.end(rule, error)
