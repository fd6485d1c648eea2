"""net/ipv4/inet_hashtables.c, net/ipv6/inet6_hashtables.c: a listener becomes reachable."""

from __future__ import annotations

from errno import EBUSY, ENOMEM

from listenwatch.model.inputs import Family
from listenwatch.model.rules import Rule
from listenwatch.model.run import Run, Sock
from listenwatch.model.stages import HASH_FUNCTIONS, StageIndex
from listenwatch.model.variants import HashError, InnerHash

_NUMBERS = {name: number for number, name in HASH_FUNCTIONS.items()}


def inet_hash(run: Run, sk: Sock) -> int:
    """``sk->sk_prot->hash(sk)``: makes the listener reachable; joining a reuseport group may fail.

    The functions of v2.6 (``tcp_v4_hash``, ``tcp_v6_hash``) are ones no probe of ours ever sees.
    """
    behaviour = run.behaviour
    ipv6 = run.pre.family == Family.INET6
    function = behaviour.ipv6_hash if ipv6 else behaviour.ipv4_hash
    run.see(StageIndex.HASH, sk, _NUMBERS.get(function), sk.ack_backlog)
    inner = f"__inet_hash ({behaviour.inner_hash.value}): "
    inner = "" if behaviour.inner_hash is InnerHash.GONE else inner
    run.step(function, f"{inner}into {behaviour.listener_tables.value}", sk)
    if behaviour.wakes_lhash_wait and not ipv6:
        run.step(function, "wake_up(lhash_wait)", sk)
    return reuseport_error(run, ipv6)


def reuseport_error(run: Run, ipv6: bool) -> int:
    """``inet_reuseport_add_sock()``: joins a group or makes one, if the socket wants to share its port."""
    how = run.behaviour.hash_error
    if not run.pre.reuseport or how is HashError.CANNOT_FAIL:
        return 0
    if how is HashError.LOST_OVER_IPV6 and ipv6:
        if not run.choose(None, True, False):
            run.end(Rule.HASH_ERROR_LOST, 0)
        return 0
    error = run.choose(None, 0, -ENOMEM, -EBUSY)
    return run.end(Rule.HASH_FAILED, error) if error else 0
