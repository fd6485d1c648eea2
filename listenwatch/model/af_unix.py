"""net/unix/af_unix.c: listen() on stream and seqpacket sockets."""

from __future__ import annotations

from errno import EINVAL

from listenwatch.model.inputs import TcpState
from listenwatch.model.rules import Rule
from listenwatch.model.run import Run, Sock


def unix_listen(run: Run, sk: Sock, backlog: int) -> int:
    """``unix_listen()``: the socket needs an address, there is no autobind."""
    if not sk.bound:
        return run.end(Rule.UNIX_UNBOUND, -EINVAL)
    if sk.state not in (TcpState.CLOSE, TcpState.LISTEN):
        if run.choose(run.behaviour.unix_wrong_state_listens, True, False):
            return run.end(Rule.UNIX_WRONG_STATE_IGNORED, 0)
        return run.end(Rule.UNIX_WRONG_STATE, -EINVAL)
    run.rule = Rule.UNIX_RELISTENS if sk.state == TcpState.LISTEN else Rule.UNIX_LISTENS
    run.store_backlog(sk, backlog)
    sk.state = TcpState.LISTEN
    run.step("unix_listen", "stores the backlog, LISTEN, wakes connectors that wait for room", sk)
    return 0
