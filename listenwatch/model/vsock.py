"""net/vmw_vsock/af_vsock.c: listen() on sockets between a virtual machine and its host."""

from __future__ import annotations

from errno import EINVAL, EOPNOTSUPP

from listenwatch.model.inputs import SocketState, SocketType, TcpState
from listenwatch.model.rules import Rule
from listenwatch.model.run import Run, Sock


def vsock_listen(run: Run, sk: Sock, backlog: int) -> int:
    """``vsock_listen()``: the socket needs an address; sk_state is not looked at.

    No record shows whether it has one (vsk->local_addr), so unless it listens both are allowed.
    Seqpacket since v5.14.
    """
    if run.pre.type not in (SocketType.STREAM, SocketType.SEQPACKET):
        return run.end(Rule.NOT_SUPPORTED, -EOPNOTSUPP)
    if sk.socket_state != SocketState.UNCONNECTED:
        return run.end(Rule.WRONG_SOCKET_STATE, -EINVAL)
    listening = sk.state == TcpState.LISTEN
    if not run.choose(True if listening else None, True, False):
        return run.end(Rule.VSOCK_UNBOUND, -EINVAL)
    run.rule = Rule.VSOCK_RELISTENS if listening else Rule.VSOCK_LISTENS
    run.store_backlog(sk, backlog)
    sk.state = TcpState.LISTEN
    return 0
