"""What the model may know: the request, the socket before the call, the sysctls. Never the outcome."""

from enum import IntEnum
from errno import EADDRINUSE
from typing import NamedTuple


class EntryPath(IntEnum):
    """Which way the call came in (enum listen_entry_path, probes/listen.h)."""

    SYSCALL = 1
    COMPAT = 2
    IO_URING = 3
    KERNEL = 4
    UNKNOWN = 5


class Family(IntEnum):
    """Address families the model knows by name (include/linux/socket.h)."""

    UNIX = 1
    INET = 2
    INET6 = 10
    NETLINK = 16
    PACKET = 17


class SocketType(IntEnum):
    """enum sock_type, include/linux/net.h."""

    STREAM = 1
    DGRAM = 2
    RAW = 3
    SEQPACKET = 5


class Protocol(IntEnum):
    """IPPROTO_* of the internet families (include/uapi/linux/in.h)."""

    TCP = 6
    UDP = 17
    SCTP = 132
    UDPLITE = 136
    MPTCP = 262


class TcpState(IntEnum):
    """sk_state (include/net/tcp_states.h); AF_UNIX uses CLOSE, ESTABLISHED and LISTEN of it."""

    ESTABLISHED = 1
    SYN_SENT = 2
    SYN_RECV = 3
    FIN_WAIT1 = 4
    FIN_WAIT2 = 5
    TIME_WAIT = 6
    CLOSE = 7
    CLOSE_WAIT = 8
    LAST_ACK = 9
    LISTEN = 10
    CLOSING = 11


class SocketState(IntEnum):
    """sock->state (enum socket_state, include/uapi/linux/net.h)."""

    FREE = 0
    UNCONNECTED = 1
    CONNECTING = 2
    CONNECTED = 3
    DISCONNECTING = 4


class Ulp(IntEnum):
    """The upper layer protocol on a TCP socket, as ``inet_ulp_can_listen()`` sees it."""

    NONE = 0
    CLONES = 1
    NO_CLONE = 2


class Bound(IntEnum):
    """Whether a socket has an address (AF_UNIX, AF_VSOCK) or a port, all others (enum listen_bound, probes/listen.h)."""

    NO = 0
    YES = 1
    UNKNOWN = 2


class Environment(NamedTuple):
    """Sysctls of the socket's network namespace as the call began, in the order the kernel reads them."""

    somaxconn: int
    fastopen: int
    max_syn_backlog: int
    syncookies: int
    abort_on_overflow: int


class Socket(NamedTuple):
    """One socket at one moment; the subflow is an MPTCP socket's first one, ``seen`` 0 where there is no socket.

    ``bound`` is a Bound. ``source_port`` is what getsockname(2) gives, which a connection that ended
    keeps when it loses ``local_port``. Both ``source_port`` and ``subflow_local_port`` are None in older recordings.
    """

    family: int
    type: int
    protocol: int
    socket_state: int
    state: int
    max_ack_backlog: int
    ack_backlog: int
    ulp: int
    bound: int
    local_port: int
    reuse: int
    reuseport: int
    subflow_state: int
    subflow_max_ack_backlog: int
    subflow_ack_backlog: int
    seen: int = 1
    subflow_local_port: int | None = None
    source_port: int | None = None


class Request(NamedTuple):
    """The call: its entry_path, whether the descriptor is open and a socket, and the backlog asked for (s32)."""

    entry_path: int
    is_file: bool
    is_socket: bool
    backlog: int


class Knowledge(NamedTuple):
    """What is known about things the socket does not show; None where it is not known.

    ``refusal`` is what the security module answered (0: allowed, else -errno; in the kernel's own
    words, before anything listens). ``port_free`` says whether get_port() will find the port, or
    for an unbound socket any port, free of conflict. A scenario that builds the conflict knows.
    ``memory`` says whether allocations succeed, where listen() makes any (up to v4.3).
    ``port_errno`` is what a get_port() that fails yields: EADDRINUSE, if it is TCP's own.
    Two facts count in other stacks than Linux: how many connections wait that nobody accepted, and whether an
    earlier listen() or connect() on this socket failed.
    """

    refusal: int | None = None
    port_free: bool | None = None
    memory: bool | None = None
    port_errno: int = EADDRINUSE
    waiting: int | None = None
    failed_before: bool | None = None
