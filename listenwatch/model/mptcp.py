"""net/mptcp/protocol.c: an MPTCP socket listens through its first subflow, a TCP socket."""

from __future__ import annotations

from errno import EINVAL

from listenwatch.model.af_inet import inet_listen, inet_listen_sk
from listenwatch.model.inputs import SocketState, TcpState
from listenwatch.model.rules import Rule
from listenwatch.model.run import Run, Sock
from listenwatch.model.stages import StageIndex


def mptcp_listen(run: Run, msk: Sock, backlog: int) -> int:
    """``mptcp_listen()``. The backlog is stored in the subflow; the MPTCP socket's own stays as it is."""
    checks = run.behaviour.mptcp_checks_socket_state
    connected = msk.socket_state != SocketState.UNCONNECTED
    if connected and run.choose(checks, True, False):
        return run.end(Rule.WRONG_SOCKET_STATE, -EINVAL)
    if msk.state not in (TcpState.CLOSE, TcpState.LISTEN):
        return run.end(Rule.WRONG_STATE, -EINVAL)
    ssk = mptcp_nmpc_sk(run, msk)
    msk.state = TcpState.LISTEN
    run.step("mptcp_listen", f"listens through its first subflow: {run.behaviour.mptcp_enters}", ssk)
    result = subflow_listen(run, ssk, backlog)
    msk.state = ssk.state
    if not result:
        msk.bound = ssk.bound
    return result


def subflow_listen(run: Run, ssk: Sock, backlog: int) -> int:
    """Where MPTCP enters TCP: ``inet_listen()`` of the subflow's socket, or ``__inet_listen_sk()``.

    Also the path manager's way, which listens for itself on an endpoint with a port:
    ``mptcp_pm_nl_create_listen_socket()``, net/mptcp/pm_netlink.c.
    """
    if run.behaviour.mptcp_enters == "inet_listen":
        return inet_listen(run, ssk, backlog)
    result = inet_listen_sk(run, ssk, backlog)
    run.see(StageIndex.INET_LISTEN_RETURN, ssk, result)
    return result


def mptcp_nmpc_sk(run: Run, msk: Sock) -> Sock:
    """``__mptcp_nmpc_sk()``: the first subflow, made now if there is none yet.

    Until v6.4 ``mptcp_stream_connect()`` keeps sock->state of the two sockets the same.
    """
    if run.subflow is None:
        run.subflow = Sock(TcpState.CLOSE, SocketState.UNCONNECTED, 0, 0, msk.bound)
    run.subflow.socket_state = msk.socket_state
    return run.subflow
