"""The rules of gVisor's listen(): every way a call can go there, with the place in its source (release 20221219)."""

from listenwatch.model.rules import Cited

_SYSCALL = "Listen(), pkg/sentry/syscalls/linux/sys_socket.go"
_TCP = "endpoint.listen(), pkg/tcpip/transport/tcp/endpoint.go"
_UNIX = "connectionedEndpoint.Listen(), pkg/sentry/socket/unix/transport/connectioned.go"
_SYN = "endpoint.handleListenSegment(), pkg/tcpip/transport/tcp/accept.go"


class GvisorRule(Cited):
    """How a call ends in gVisor. A text begins with the errno where there is one."""

    BAD_DESCRIPTOR = "gvisor-bad-descriptor", "EBADF: no such descriptor", _SYSCALL, "the descriptor is not open"
    NOT_A_SOCKET = (
        "gvisor-not-a-socket", "ENOTSOCK: the file is no socket, also one opened with O_PATH", _SYSCALL,
        "the descriptor is not a socket",
    )
    NOT_SUPPORTED = (
        "gvisor-not-supported", "EOPNOTSUPP: this kind of socket has no listen",
        "endpoint.Listen(), pkg/tcpip/transport/udp/endpoint.go, and others like it", "this kind of socket cannot listen",
    )
    LISTENS = "gvisor-listens", "bound to listening", _TCP
    AUTOBINDS = "gvisor-autobinds", "not bound, so a port is chosen; then to listening", _TCP, "not bound, so a port was chosen"
    RELISTENS = (
        "gvisor-relistens", "already listening, also after shutdown(): the room of the accept queue is adjusted", _TCP,
        "was listening already",
    )
    SHRINK_REFUSED = (
        "gvisor-shrink-refused", "EINVAL: more connections wait than the new backlog has room for; nothing changes", _TCP,
        "more connections wait than the new backlog has room for",
    )
    PORT_TAKEN = (
        "gvisor-port-taken", "EADDRINUSE: another socket listens on the port; the socket is of no use any more", _TCP,
        "another socket holds the port",
    )
    NO_FREE_PORT = "gvisor-no-free-port", "EAGAIN: not bound, and no port is free", _TCP, "not bound, and no port is free"
    WRONG_STATE = (
        "gvisor-wrong-state", "EINVAL: the socket is connecting or connected", _TCP, "the socket is in state {state}"
    )
    FAILED_BEFORE = (
        "gvisor-failed-before", "EINVAL: a listen() or connect() on the socket failed, and it is of no use any more",
        _TCP, "an earlier listen() or connect() on the socket failed",
    )
    UNIX_UNBOUND = "gvisor-unix-unbound", "EINVAL: no address", _UNIX, "an AF_UNIX socket needs bind() first"
    UNIX_LISTENS = "gvisor-unix-listens", "bound to listening; nobody asks whether it is connected", _UNIX
    UNIX_RELISTENS = (
        "gvisor-unix-relistens", "already listening: the room of the queue is adjusted", _UNIX, "was listening already"
    )
    UNIX_SHRINK_REFUSED = (
        "gvisor-unix-shrink-refused", "EINVAL: more connections wait than the new backlog has room for", _UNIX,
        "more connections wait than the new backlog has room for",
    )


class GvisorBacklogRule(Cited):
    """How the backlog asked for became the number of connections that can wait, which is one more."""

    KEPT = "gvisor-kept", "at most 1024: kept, and one more can wait", _SYSCALL
    CLAMPED = (
        "gvisor-clamped", "above 1024, as unsigned: 1024, and one more can wait; somaxconn plays no part", _SYSCALL,
        "clamped at 1024, whatever net.core.somaxconn says",
    )
    NOT_REACHED = "gvisor-not-reached", "the call ended before the backlog was looked at", "(none)"


class GvisorQueueRule(Cited):
    """What the next connection meets in gVisor."""

    QUEUED = "gvisor-queued", "the accept queue has room", _SYN
    DROPPED = (
        "gvisor-dropped", "the accept queue is full: the SYN is dropped, and no counter of /proc/net/netstat moves", _SYN
    )
    COOKIE = (
        "gvisor-cookie", "as many handshakes are under way as the backlog says: a cookie, there is no sysctl for it", _SYN
    )
    UNIX_QUEUED = "gvisor-unix-queued", "the listener's queue has room", _UNIX
    UNIX_EAGAIN = "gvisor-unix-eagain", "the listener's queue is full; not blocking", _UNIX
