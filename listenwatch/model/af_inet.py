"""net/ipv4/af_inet.c: what a TCP socket makes of its backlog."""

from __future__ import annotations

from errno import EINVAL

from listenwatch.model.behaviour import Stored
from listenwatch.model.inet_connection_sock import inet_csk_listen_start
from listenwatch.model.inputs import SocketState, TcpState
from listenwatch.model.rules import Rule
from listenwatch.model.run import Run, Sock
from listenwatch.model.stages import StageIndex


def inet_listen(run: Run, sk: Sock, backlog: int) -> int:
    """``inet_listen()``: refuses a socket that is or was connecting. Its type is SOCK_STREAM here."""
    run.see(StageIndex.INET_LISTEN, sk, backlog)
    if sk.socket_state != SocketState.UNCONNECTED:
        result = run.end(Rule.WRONG_SOCKET_STATE, -EINVAL)
    else:
        result = inet_listen_sk(run, sk, backlog)
    run.see(StageIndex.INET_LISTEN_RETURN, sk, result)
    return result


def inet_listen_sk(run: Run, sk: Sock, backlog: int) -> int:
    """``__inet_listen_sk()``, until v6.5 the second half of ``inet_listen()``."""
    run.see(StageIndex.INET_LISTEN_SK, sk, backlog)
    old_state = sk.state
    if old_state not in (TcpState.CLOSE, TcpState.LISTEN):
        return run.end(Rule.WRONG_STATE, -EINVAL)
    if run.behaviour.stored is Stored.BEFORE_LISTEN_START:
        run.store_backlog(sk, backlog)
    if old_state != TcpState.LISTEN:
        error = inet_csk_listen_start(run, sk, backlog)
        if error:
            return error
    else:
        run.rule = Rule.RELISTENS
    run.store_backlog(sk, backlog)
    return 0
