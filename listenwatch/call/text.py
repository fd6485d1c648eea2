"""What a call's numbers are called: its protocol, its local address, its states, its entry path."""

from listenwatch.call.record import ListenCall
from listenwatch.call.unseen import unseen_fields
from listenwatch.linux.names import address_name, protocol_name
from listenwatch.model.inputs import EntryPath, Family, Socket, TcpState


def protocol_of(sock: Socket) -> str:
    """The PROTO column of a socket; empty where no socket was seen."""
    return protocol_name(sock.family, sock.type, sock.protocol) if sock.seen else ""


def local_address(call: ListenCall) -> str:
    """``0.0.0.0:80``, ``[::]:80``, ``/path``, ``@abstract``, of AF_VSOCK ``2:80``; empty if unknown. Not yet escaped."""
    if not call.post.seen:
        return ""
    address = address_name(call.post.family, call.address)
    of_port = call.post.family in (Family.INET, Family.INET6)
    return f"{address}:{call.local_port}" if of_port else address


def state_of(sock: Socket, owner: str = "") -> str:
    """The state of a socket, or with ``owner`` ``subflow_`` of its subflow, by its name; ``?`` where it could not be seen."""
    name = f"{owner}state"
    return "?" if name in unseen_fields(sock) else state_name(getattr(sock, name))


def limit_of(sock: Socket, owner: str = "") -> int | None:
    """Its sk_max_ack_backlog; None where it could not be seen."""
    name = f"{owner}max_ack_backlog"
    limit: int = getattr(sock, name)
    return None if name in unseen_fields(sock) else limit


def local_port(call: ListenCall) -> int | None:
    """The local port at the return, or else before the call; None where the socket has none."""
    return call.local_port or call.pre.local_port or None


def entry_path_name(entry_path: int) -> str:
    """``syscall``, ``compat``, ``io_uring``, ``kernel`` or ``unknown``."""
    return EntryPath(entry_path).name.lower()


_STATE_NAMES = {int(state): state.name for state in TcpState}


def state_name(state: int) -> str:
    """``CLOSE``, ``LISTEN``, ...; a number the kernel does not define stays a number."""
    return _STATE_NAMES.get(state, str(state))
