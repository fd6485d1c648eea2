"""net/ipv4/inet_connection_sock.c: the first listen, from CLOSE to LISTEN."""

from __future__ import annotations

from errno import EADDRINUSE, EBUSY, EINVAL, ENOMEM

from listenwatch.model.behaviour import Stored
from listenwatch.model.inputs import Family, TcpState, Ulp
from listenwatch.model.rules import Rule
from listenwatch.model.run import Run, Sock
from listenwatch.model.stages import StageIndex


def inet_csk_listen_start(run: Run, sk: Sock, backlog: int) -> int:
    """``inet_csk_listen_start()``. The socket is LISTEN before its port is known to be free."""
    run.see(StageIndex.LISTEN_START, sk, None)
    result = _listen_start(run, sk, backlog)
    run.see(StageIndex.LISTEN_START_RETURN, sk, result)
    return result


def _listen_start(run: Run, sk: Sock, backlog: int) -> int:
    if not inet_ulp_can_listen(run):
        return run.end(Rule.ULP_REFUSED, -EINVAL)
    if run.behaviour.stored is Stored.INSIDE_LISTEN_START:
        run.store_backlog(sk, backlog)
    elif run.behaviour.stored is Stored.AFTER_LISTEN_START:
        sk.max_ack_backlog = 0
    sk.ack_backlog = 0
    inet_sk_state_store(run, sk, StageIndex.STATE_LISTEN, TcpState.LISTEN)
    error = get_port(run, sk) or inet_hash(run, sk)
    if error:
        inet_sk_state_store(run, sk, StageIndex.STATE_CLOSE, TcpState.CLOSE)
    return error


def inet_ulp_can_listen(run: Run) -> bool:
    """``inet_ulp_can_listen()``: a protocol on top that cannot be cloned cannot listen."""
    if run.pre.ulp != Ulp.NO_CLONE:
        return True
    return not run.choose(run.behaviour.ulp_without_clone_refused, True, False)


def inet_sk_state_store(run: Run, sk: Sock, stage: StageIndex, state: TcpState) -> None:
    """``inet_sk_state_store()``: the tracepoint fires before the new state is written."""
    run.see(stage, sk, sk.state, sk.ack_backlog)
    sk.state = state


def get_port(run: Run, sk: Sock) -> int:
    """``sk->sk_prot->get_port(sk, inet->inet_num)``: keeps the port, or finds one for an unbound socket.

    Whether it is free depends on every other socket of the namespace, so unless that is known both
    answers are outcomes.
    """
    if not run.choose(run.knowledge.port_free, True, False):
        return run.end(Rule.PORT_TAKEN if sk.bound else Rule.NO_FREE_PORT, -EADDRINUSE)
    run.rule = Rule.LISTENS if sk.bound else Rule.AUTOBINDS
    sk.bound = True
    return 0


def inet_hash(run: Run, sk: Sock) -> int:
    """``sk->sk_prot->hash(sk)``: makes the listener reachable; joining a reuseport group may fail."""
    ipv6 = run.pre.family == Family.INET6 and run.behaviour.ipv6_hash == "inet6_hash"
    run.see(StageIndex.HASH, sk, 2 if ipv6 else 1, sk.ack_backlog)
    if not run.pre.reuseport:
        return 0
    error = run.choose(None, 0, -ENOMEM, -EBUSY)
    return run.end(Rule.HASH_FAILED, error) if error else 0
