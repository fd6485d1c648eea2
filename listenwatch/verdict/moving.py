"""What moves between two looks at a socket although nobody who holds it does anything: the peer moves it."""

from listenwatch.call.record import StageRecord
from listenwatch.model.inputs import Family, Socket, TcpState
from listenwatch.model.socket_h import VSOCK
from listenwatch.model.stages import StageIndex

Look = Socket | StageRecord
"""What one look at a socket shows: all of it, or what a stage holds of it."""

_NOT_HASHED = (StageIndex.HASH, StageIndex.STATE_CLOSE)
"""Here the state is LISTEN, and no connection can arrive: nobody finds the socket before inet_hash() is through."""
_NO_SUBFLOW = 0


def peer_may_move(before: int, after: int) -> bool:
    """Whether a state may be seen as another one a moment later.

    The peer moves a connection on at any moment (FIN_WAIT1 to FIN_WAIT2, SYN_SENT to ESTABLISHED, a RST
    any of them to CLOSE); what it cannot do is make a socket listen, or connect one that is closed.
    """
    return before == after or (is_connection(before) and after != TcpState.LISTEN)


def peer_may_unbind(before: int, after: int) -> bool:
    """Whether a socket may have lost its port: a RST frees one that bind() did not set (``tcp_set_state()``, net/ipv4/tcp.c)."""
    return is_connection(before) and after == TcpState.CLOSE


def may_differ(field: str, here: Look, there: Look, family: int, stage: StageIndex | None = None) -> bool:
    """Whether a field may have two values in two looks at a socket, at that ``stage`` or between calls.

    Which look was the first is not known.
    """
    match field:
        case "state":
            return _either_way(here.state, there.state)
        case "bound" | "local_port":
            return peer_may_unbind(here.state, there.state) or peer_may_unbind(there.state, here.state)
        case "ack_backlog":
            # AF_UNIX: the length of the receive queue, where also data and datagrams wait.
            listens = TcpState.LISTEN in (here.state, there.state)
            return (listens and stage not in _NOT_HASHED) or family == Family.UNIX
        case "socket_state":
            # virtio_transport_recv_connecting() (net/vmw_vsock/virtio_transport_common.c)
            return family == VSOCK and (is_connection(here.state) or is_connection(there.state))
    if isinstance(here, Socket) and isinstance(there, Socket):
        match field:
            case "subflow_state":
                return _either_way(here.subflow_state, there.subflow_state)
            case "subflow_local_port":
                states = here.subflow_state, there.subflow_state
                return peer_may_unbind(*states) or peer_may_unbind(*reversed(states))
            case "subflow_ack_backlog":
                return TcpState.LISTEN in (here.subflow_state, there.subflow_state)
    return False


def is_connection(state: int) -> bool:
    """Whether a peer has a say in this state."""
    return state not in (TcpState.CLOSE, TcpState.LISTEN, _NO_SUBFLOW)


def _either_way(state: int, other: int) -> bool:
    return peer_may_move(state, other) or peer_may_move(other, state)
