"""net/vmw_vsock/af_vsock.c: listen() on sockets between a virtual machine and its host."""

from errno import EINVAL, EOPNOTSUPP

from listenwatch.model.inputs import Bound, SocketState, SocketType, TcpState
from listenwatch.model.rules import Rule
from listenwatch.model.run import Run, Sock


def vsock_listen(run: Run, sk: Sock, backlog: int) -> int:
    """``vsock_listen()``: the socket needs an address; sk_state is not looked at.

    Where the record does not show whether it has one (``vsk->local_addr``), both are allowed unless it
    listens. Seqpacket since v5.14.
    """
    if run.pre.type not in (SocketType.STREAM, SocketType.SEQPACKET):
        return run.end(Rule.NOT_SUPPORTED, -EOPNOTSUPP)
    if sk.socket_state != SocketState.UNCONNECTED:
        return run.end(Rule.WRONG_SOCKET_STATE, -EINVAL)
    listening = sk.state == TcpState.LISTEN
    known = True if listening else None if run.pre.bound == Bound.UNKNOWN else sk.bound
    sk.bound = run.choose(known, True, False)
    if not sk.bound:
        return run.end(Rule.VSOCK_UNBOUND, -EINVAL)
    run.rule = Rule.VSOCK_RELISTENS if listening else Rule.VSOCK_LISTENS
    run.store_backlog(sk, backlog)
    sk.state = TcpState.LISTEN
    return 0
