"""net/ipv4/af_inet.c: what a TCP socket makes of its backlog."""

from errno import EINVAL, ENOMEM

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inet_connection_sock import inet_csk_listen_start
from listenwatch.model.inputs import Environment, SocketState, TcpState
from listenwatch.model.rules import Rule
from listenwatch.model.run import Run, Sock
from listenwatch.model.stages import StageIndex
from listenwatch.model.steps import Action
from listenwatch.model.variants import FastOpen, Stored

TFO_SERVER_ENABLE = 0x2
TFO_SERVER_WO_SOCKOPT1 = 0x400
TFO_SERVER_WO_SOCKOPT2 = 0x800
"""Bits of net.ipv4.tcp_fastopen (include/net/tcp.h); the last one until v4.8."""


def inet_listen(run: Run, sk: Sock, backlog: int) -> int:
    """``inet_listen()``: refuses a socket that is or was connecting. Its type is SOCK_STREAM here."""
    run.see(StageIndex.INET_LISTEN, sk, backlog)
    run.step("inet_listen", Action.IS_GIVEN_BACKLOG, sk, backlog)
    if sk.socket_state != SocketState.UNCONNECTED:
        result = run.end(Rule.WRONG_SOCKET_STATE, -EINVAL)
    else:
        result = inet_listen_sk(run, sk, backlog)
    run.see(StageIndex.INET_LISTEN_RETURN, sk, result)
    return result


def inet_listen_sk(run: Run, sk: Sock, backlog: int) -> int:
    """``__inet_listen_sk()``, until v6.5 the second half of ``inet_listen()``."""
    if run.behaviour.inet_listen_sk == "__inet_listen_sk":
        run.see(StageIndex.INET_LISTEN_SK, sk, backlog)
    old_state = sk.state
    before = run.behaviour.stored is Stored.BEFORE_LISTEN_START
    if old_state not in (TcpState.CLOSE, TcpState.LISTEN):
        return run.end(Rule.WRONG_STATE, -EINVAL)
    if before:
        write_max_ack_backlog(run, sk, backlog)
    if old_state != TcpState.LISTEN:
        error = fastopen(run, sk, backlog) or inet_csk_listen_start(run, sk, backlog)
        if error:
            return error
        if run.names.bpf_listen_callback:
            run.step("tcp_call_bpf", Action.RUNS_BPF_LISTEN_CALLBACK, sk)
    else:
        run.rule = Rule.RELISTENS
    if not before:
        write_max_ack_backlog(run, sk, backlog)
    return 0


def write_max_ack_backlog(run: Run, sk: Sock, backlog: int) -> None:
    """``sk->sk_max_ack_backlog = backlog``, once before or once after the rest."""
    run.store_backlog(sk, backlog)
    run.step(run.names.inet_listen_sk, Action.STORES_BACKLOG, sk)


def fastopen(run: Run, sk: Sock, backlog: int) -> int:
    """Fast open without TCP_FASTOPEN, once: ``fastopen_init_queue()`` until v4.3, ``fastopen_queue_tune()`` since."""
    max_qlen = fastopen_max_qlen(backlog, run.environment, run.behaviour)
    if max_qlen is None:
        return 0
    allocates = run.behaviour.fastopen is FastOpen.ALLOCATES
    if allocates and not run.choose(run.knowledge.memory, True, False):
        return run.end(Rule.FASTOPEN_NO_MEMORY, -ENOMEM)
    sk.fastopen_max_qlen = max_qlen
    run.step("fastopen_queue", Action.LIMITS_FASTOPEN_QUEUE, sk, max_qlen)
    return 0


def fastopen_max_qlen(backlog: int, environment: Environment, behaviour: Behaviour) -> int | None:
    """The limit that a first listen gives the queue for fast open; None where it leaves it alone."""
    flags = environment.fastopen
    if not flags & TFO_SERVER_ENABLE:
        return None
    how = behaviour.fastopen
    if how is FastOpen.NONE:
        return None
    if flags & TFO_SERVER_WO_SOCKOPT1:
        max_qlen = backlog
    elif flags & TFO_SERVER_WO_SOCKOPT2 and how is not FastOpen.TUNES:
        max_qlen = (flags & 0xFFFF_FFFF) >> 16
    else:
        return None
    return max_qlen if how is FastOpen.ALLOCATES else min(max_qlen & 0xFFFF_FFFF, environment.somaxconn & 0xFFFF_FFFF)
