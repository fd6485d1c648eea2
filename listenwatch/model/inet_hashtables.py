"""net/ipv4/inet_hashtables.c, net/ipv6/inet6_hashtables.c: a listener becomes reachable."""

from errno import EBUSY, ENOMEM

from listenwatch.model.inputs import Family
from listenwatch.model.rules import Rule
from listenwatch.model.run import Run, Sock
from listenwatch.model.stages import HASH_FUNCTIONS, StageIndex
from listenwatch.model.steps import Action
from listenwatch.model.variants import HashError, InnerHash

_NUMBERS = {name: number for number, name in HASH_FUNCTIONS.items()}
_NO_NUMBER = 0
"""Of v2.6's functions (``tcp_v4_hash``, ``tcp_v6_hash``), which no probe of ours sees."""


def inet_hash(run: Run, sk: Sock) -> int:
    """``sk->sk_prot->hash(sk)``: reachable."""
    behaviour, names = run.behaviour, run.names
    ipv6 = run.pre.family == Family.INET6
    function = behaviour.ipv6_hash if ipv6 else behaviour.ipv4_hash
    run.see(StageIndex.HASH, sk, _NUMBERS.get(function, _NO_NUMBER), sk.ack_backlog)
    if names.inner_hash is InnerHash.GONE:
        run.step(function, Action.HASHES, sk, names.listener_tables)
    else:
        run.step(function, Action.HASHES_BELOW, sk, names.listener_tables, names.inner_hash)
    if names.wakes_lhash_wait and not ipv6:
        run.step(function, Action.WAKES_LHASH_WAIT, sk)
    return reuseport_error(run, ipv6)


def reuseport_error(run: Run, ipv6: bool) -> int:
    """``inet_reuseport_add_sock()``: joins a group or makes one, if the socket wants to share its port."""
    if not run.pre.reuseport:
        return 0
    how = run.behaviour.hash_error
    if how is HashError.CANNOT_FAIL:
        return 0
    if how is HashError.LOST_OVER_IPV6 and ipv6:
        if not run.choose(None, True, False):
            run.end(Rule.HASH_ERROR_LOST, 0)
        return 0
    error = run.choose(None, 0, -ENOMEM, -EBUSY)
    return run.end(Rule.HASH_FAILED, error) if error else 0
