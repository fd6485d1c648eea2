"""A listen() of the standalone program as a record of a call: what was not seen is marked so, nothing is guessed."""

from listenwatch.call.record import Flag, ListenCall
from listenwatch.call.unseen import Unseen
from listenwatch.conformance.standalone.answers import Listen, Look, OfSocket
from listenwatch.conformance.standalone.stacks import Stack
from listenwatch.model.inputs import (
    Bound,
    EntryPath,
    Environment,
    Family,
    Knowledge,
    Protocol,
    Socket,
    SocketState,
    SocketType,
    TcpState,
)
from listenwatch.seccomp.looking import NOTHING, TcpInfo, of_tcp, with_state

_INET = (Family.INET, Family.INET6)


def call_of(answer: Listen, stack: Stack) -> ListenCall:
    """The call as the verdict wants it. Times, processes and stages are not seen; there were no others at the socket."""
    flags = Flag.RETURNED | (0 if answer.somaxconn is not None else Flag.SYSCTLS_UNSEEN)
    if answer.is_file and (stack.path_is_file or not answer.is_path):
        flags |= Flag.FILE | (Flag.SOCKET if answer.is_socket else 0)
    environment = environment_of(answer)
    return ListenCall(
        time_ns=0, duration_ns=0, cgroup_id=0, socket_cookie=0, netns_cookie=0, netns_inode=0, pid=0, tid=0, uid=0, fd=0,
        backlog=answer.asked, result=answer.result, entry_path=EntryPath.SYSCALL, flags=flags, hooks=0, comm=b"",
        environment=environment, somaxconn_after=environment.somaxconn,
        pre=_socket(answer, answer.pre, stack), post=_socket(answer, answer.post, stack), stages={}, address=b"",
    )  # fmt: skip


def environment_of(answer: OfSocket) -> Environment:
    """The sysctls; one that is not there, as in a kernel that has none such, is 0."""
    return Environment._make(getattr(answer, name) or 0 for name in Environment._fields)


def knowledge_of(answer: Listen) -> Knowledge:
    """What the case knows of its socket and of others."""
    return Knowledge(port_free=answer.port_free, waiting=answer.waiting, failed_before=answer.failed_before)


def _socket(answer: Listen, look: Look | None, stack: Stack) -> Socket:
    if not answer.is_socket or look is None:
        return NOTHING
    sock = NOTHING._replace(family=answer.family, type=answer.type, protocol=answer.protocol, seen=1)
    if answer.family in _INET:
        return _inet(sock, answer, look, stack)
    if answer.family == Family.UNIX:
        return _unix(sock, look, stack)
    return with_state(sock, listens=bool(look.accepts))


def _inet(sock: Socket, answer: Listen, look: Look, stack: Stack) -> Socket:
    port = look.port or 0
    sock = sock._replace(source_port=port, local_port=port, bound=int(port != 0))
    if look.port is None:
        sock = sock._replace(bound=Bound.UNKNOWN, seen=sock.seen | Unseen.PORT)
    if (sock.type, sock.protocol) != (SocketType.STREAM, Protocol.TCP):
        return with_state(sock, listens=bool(look.accepts))
    state = look.tcpi_state
    if state is None and look.accepts:
        state = TcpState.LISTEN
    elif state is None and look.accepts is not None and answer.never_connected:
        state = TcpState.CLOSE
    if state is None:
        sock = sock._replace(local_port=0, bound=Bound.UNKNOWN if port else Bound.NO)
        return with_state(sock._replace(seen=sock.seen | (Unseen.PORT if port else 0)), listens=False)
    queue, limit = look.tcpi_unacked, look.tcpi_sacked
    fresh = bool(answer.never_connected) or look.tcpi_segs == 0
    unseen = queue is None or limit is None or not (stack.shows_numbers or queue or limit)
    seen = of_tcp(sock, TcpInfo(state, queue or 0, limit or 0, fresh))
    if unseen and state == TcpState.LISTEN:
        seen = seen._replace(max_ack_backlog=0, ack_backlog=0, seen=seen.seen | Unseen.BACKLOGS)
    if stack.keeps_port and look.port is not None:
        seen = seen._replace(local_port=port, bound=sock.bound, seen=seen.seen & ~Unseen.PORT)
    return seen


def _unix(sock: Socket, look: Look, stack: Stack) -> Socket:
    """No number of an AF_UNIX listener shows in TCP_INFO; what waits is known by connecting (fills)."""
    sock = sock._replace(bound=Bound.UNKNOWN if look.has_name is None else int(look.has_name))
    if sock.type not in (SocketType.STREAM, SocketType.SEQPACKET):
        return with_state(sock, listens=bool(look.accepts))
    if look.accepts is None or look.has_peer is None or not (stack.shows_unix or look.accepts):
        return with_state(sock, listens=False)
    state = TcpState.LISTEN if look.accepts else TcpState.ESTABLISHED if look.has_peer else TcpState.CLOSE
    return sock._replace(
        state=state, socket_state=SocketState.FREE, seen=sock.seen | Unseen.SOCKET_STATE | Unseen.BACKLOGS
    )
