"""gVisor's own network stack: not Linux, so it has a Behaviour and functions of its own, and the same inputs and outcomes.

Read in the source of release 20221219 (Debian's package runsc) and held against it by running. Not modelled: what
``--network=host`` passes on to the host's kernel.
"""

from dataclasses import dataclass
from errno import EADDRINUSE, EAGAIN, EBADF, EINVAL, ENOTSOCK, EOPNOTSUPP

from listenwatch.model.choices import Choices
from listenwatch.model.gvisor_rules import GvisorBacklogRule, GvisorRule
from listenwatch.model.inputs import (
    Family,
    Knowledge,
    Protocol,
    Request,
    Socket,
    SocketType,
    TcpState,
)
from listenwatch.model.run import Outcome, Sock
from listenwatch.model.socket_h import Unmodelled, cannot_listen, not_modelled

_INET = (Family.INET, Family.INET6)
_OF_CONNECTIONS = (SocketType.STREAM, SocketType.SEQPACKET)


@dataclass(frozen=True)
class Gvisor:
    """What is constant in gVisor where Linux has a sysctl; ``unknown`` as in Behaviour: nothing."""

    max_backlog: int = 1024
    """``maxListenBacklog``, pkg/sentry/syscalls/linux/sys_socket.go."""
    somaxconn: int = 128
    """What /proc/sys/net/core/somaxconn always says (pkg/sentry/fsimpl/proc/tasks_sys.go); nothing reads it."""
    unknown: frozenset[str] = frozenset()


GVISOR = Gvisor()


class _Call:
    """One call on its way: what it may know, the socket, and the choices that the inputs leave open."""

    def __init__(self, request: Request, pre: Socket, gvisor: Gvisor, knowledge: Knowledge, choices: Choices) -> None:
        self.pre, self.known, self.choices = pre, knowledge, choices
        self.sk = Sock(
            pre.state, pre.socket_state, pre.max_ack_backlog, pre.ack_backlog, bool(pre.bound), pre.local_port
        )
        asked = request.backlog & 0xFFFF_FFFF
        self.backlog = min(asked, gvisor.max_backlog)
        self.backlog_rule = GvisorBacklogRule.KEPT if asked == self.backlog else GvisorBacklogRule.CLAMPED

    def fits(self) -> bool:
        """Whether what waits has room: one more than the backlog has."""
        if self.known.waiting is None:
            return self.choices.choose(True, False)
        return self.known.waiting <= self.backlog + 1

    def choose(self, known: bool | None, likelier: bool) -> bool:
        """What is known, else either, the likelier first."""
        return self.choices.choose(likelier, not likelier) if known is None else known

    def store(self) -> int:
        """Listening, with this backlog."""
        self.sk.state, self.sk.max_ack_backlog = TcpState.LISTEN, self.backlog
        return 0


def listen(request: Request, pre: Socket, gvisor: Gvisor, knowledge: Knowledge, choices: Choices) -> Outcome:
    """``Listen()``, pkg/sentry/syscalls/linux/sys_socket.go."""
    call = _Call(request, pre, gvisor, knowledge, choices)
    backlog_rule = GvisorBacklogRule.NOT_REACHED
    if not request.is_file:
        rule, result = GvisorRule.BAD_DESCRIPTOR, -EBADF
    elif not request.is_socket:
        rule, result = GvisorRule.NOT_A_SOCKET, -ENOTSOCK
    else:
        backlog_rule = call.backlog_rule
        rule, result = _of_socket(call)
    return Outcome(rule, backlog_rule, result, {}, call.sk if pre.seen else None, None)


def _of_socket(call: _Call) -> tuple[GvisorRule, int]:
    """``Socket.Listen()`` of this family, type and protocol."""
    pre = call.pre
    if pre.family in _INET and pre.type == SocketType.STREAM and pre.protocol == Protocol.TCP:
        return _tcp(call)
    if pre.family == Family.UNIX and pre.type in _OF_CONNECTIONS:
        return _unix(call)
    datagrams = pre.family in (*_INET, Family.UNIX) and pre.type in (SocketType.DGRAM, SocketType.RAW)
    if not datagrams and not cannot_listen(pre.family, pre.type, pre.protocol):
        raise Unmodelled(not_modelled(pre.family, pre.type, pre.protocol))
    return GvisorRule.NOT_SUPPORTED, -EOPNOTSUPP


def _tcp(call: _Call) -> tuple[GvisorRule, int]:
    """``endpoint.listen()``, pkg/tcpip/transport/tcp/endpoint.go.

    The port of a bound socket is looked at here, as in Linux; but a socket that is refused stays closed for good, as
    does one whose connect() failed.
    """
    sk = call.sk
    if sk.state == TcpState.LISTEN:
        if not call.fits():
            return GvisorRule.SHRINK_REFUSED, -EINVAL
        return GvisorRule.RELISTENS, call.store()
    if sk.state != TcpState.CLOSE:
        return GvisorRule.WRONG_STATE, -EINVAL
    if call.choose(call.known.failed_before, likelier=False):
        return GvisorRule.FAILED_BEFORE, -EINVAL
    free = call.choose(call.known.port_free, likelier=True)
    if sk.bound:
        return (GvisorRule.LISTENS, call.store()) if free else (GvisorRule.PORT_TAKEN, -EADDRINUSE)
    if not free:
        return GvisorRule.NO_FREE_PORT, -EAGAIN
    sk.bound, sk.local_port = True, None
    return GvisorRule.AUTOBINDS, call.store()


def _unix(call: _Call) -> tuple[GvisorRule, int]:
    """``connectionedEndpoint.Listen()``, pkg/sentry/socket/unix/transport/connectioned.go."""
    if call.sk.state == TcpState.LISTEN:
        if not call.fits():
            return GvisorRule.UNIX_SHRINK_REFUSED, -EINVAL
        return GvisorRule.UNIX_RELISTENS, call.store()
    if not call.sk.bound:
        return GvisorRule.UNIX_UNBOUND, -EINVAL
    return GvisorRule.UNIX_LISTENS, call.store()
