"""net/mptcp/protocol.c: an MPTCP socket listens through its first subflow, a TCP socket."""

from errno import EINVAL

from listenwatch.model.af_inet import inet_listen, inet_listen_sk
from listenwatch.model.inputs import SocketState, TcpState
from listenwatch.model.rules import Rule
from listenwatch.model.run import Run, Sock
from listenwatch.model.stages import StageIndex
from listenwatch.model.steps import Action


def mptcp_listen(run: Run, msk: Sock, backlog: int) -> int:
    """``mptcp_listen()``. The backlog is stored in the subflow; the MPTCP socket's own stays as it is.

    So does the port, which ``mptcp_copy_inaddrs()`` copies back: the MPTCP socket's own number is not looked at.
    """
    unconnected = msk.socket_state == SocketState.UNCONNECTED
    if not unconnected and run.behaviour.mptcp_checks_socket_state:
        return run.end(Rule.WRONG_SOCKET_STATE, -EINVAL)
    if msk.state not in (TcpState.CLOSE, TcpState.LISTEN):
        return run.end(Rule.WRONG_STATE, -EINVAL)
    if accepted(run, msk):
        return run.end(Rule.MPTCP_ACCEPTED, -EINVAL)
    ssk = mptcp_nmpc_sk(run, msk)
    msk.state = TcpState.LISTEN
    run.step("mptcp_listen", Action.LISTENS_THROUGH_SUBFLOW, ssk, run.behaviour.mptcp_enters)
    result = subflow_listen(run, ssk, backlog)
    msk.state = ssk.state
    if not result:
        msk.bound, msk.local_port = ssk.bound, ssk.local_port
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


def accepted(run: Run, msk: Sock) -> bool:
    """Until v6.5 only a subflow with a ``struct socket`` (``msk->subflow``) could listen: none that accept() made.

    No record shows it: a disconnected socket that lost its port may be either. ``msk->subflow`` went
    with the way by ``inet_listen()``, in v6.6.
    """
    ssk = run.subflow
    if run.behaviour.mptcp_enters != "inet_listen" or ssk is None or ssk.state != TcpState.CLOSE:
        return False
    return msk.bound and not ssk.bound and run.choose(None, False, True)


def mptcp_nmpc_sk(run: Run, msk: Sock) -> Sock:
    """``__mptcp_nmpc_sk()``: the first subflow, made if need be; ``mptcp_stream_connect()`` has both in one state."""
    if run.subflow is None:
        run.subflow = Sock(TcpState.CLOSE, SocketState.UNCONNECTED, 0, 0, bound=False)
    run.subflow.socket_state = msk.socket_state
    return run.subflow
