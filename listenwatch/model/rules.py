"""The rules: every way a listen() call can go, and where its number comes from, with the source."""

from __future__ import annotations

from enum import Enum

from listenwatch.model.behaviour import NEWEST, Behaviour
from listenwatch.model.functions import functions_of
from listenwatch.model.history import version_of
from listenwatch.model.kernels import mainline


class Cited(Enum):
    """A rule: ``value`` is its id in reports, ``text`` what the kernel does, ``reason`` what a person is told of
    a call that went this way (with ``{names}`` of the call's own values).

    ``is_all`` says that the reason is all there is to say: no backlog was stored as asked. ``release`` is the
    last mainline release that has the rule, "" for the newest.
    """

    text: str
    reason: str
    is_all: bool
    release: str
    _source: str

    def __new__(
        cls, name: str, text: str, source: str, reason: str = "", is_all: bool = False, release: str = ""
    ) -> Cited:
        """Members are written as (id, text, source, reason, is_all, release); {names} in source: ``functions_of()``."""
        rule = object.__new__(cls)
        rule._value_ = name
        rule.text, rule._source, rule.reason, rule.is_all, rule.release = text, source, reason, is_all, release
        return rule

    def source_in(self, behaviour: Behaviour) -> str:
        """The function that decides, with its file, as a kernel of this behaviour has it."""
        return self._source.format(**functions_of(behaviour))

    @property
    def source(self) -> str:
        """The function that decides in the last release that has the rule."""
        return self.source_in(mainline(version_of(self.release)) if self.release else NEWEST)


_LISTEN = "{sys_listen}"
_INET = "{inet_listen_sk}"
_START = "{listen_start}"
_UNIX = "unix_listen(), net/unix/af_unix.c"
_VSOCK = "vsock_listen(), net/vmw_vsock/af_vsock.c"
_SCTP = "sctp_inet_listen(), net/sctp/socket.c"
_SCTP_START = "sctp_listen_start(), net/sctp/socket.c"


class Rule(Cited):
    """How a call ends. A text begins with the errno where there is one."""

    BAD_DESCRIPTOR = (
        "bad-descriptor", "EBADF: no such descriptor, or opened with O_PATH",
        "{descriptor}", "the descriptor is not open, or opened with O_PATH",
    )
    NOT_A_SOCKET = (
        "not-a-socket", "ENOTSOCK: the file is no socket", "sock_from_file(), net/socket.c",
        "the descriptor is not a socket",
    )
    SECURITY_REFUSED = (
        "security-refused", "the security module's errno, as it is",
        f"security_socket_listen() in {_LISTEN}", "refused by a security module",
    )
    NOT_SUPPORTED = (
        "not-supported", "EOPNOTSUPP: this kind of socket has no listen",
        "sock_no_listen(), net/core/sock.c", "this kind of socket cannot listen",
    )
    WRONG_SOCKET_STATE = (
        "wrong-socket-state", "EINVAL: sock->state is not SS_UNCONNECTED",
        "inet_listen(), net/ipv4/af_inet.c", "the socket is {socket_state}",
    )
    WRONG_STATE = (
        "wrong-state", "EINVAL: sk_state is neither CLOSE nor LISTEN", _INET, "the socket is in state {state}"
    )
    RELISTENS = (
        "relistens", "already LISTEN: only the backlog is adjusted", _INET,
        "was listening already, limit was {old_limit}",
    )
    ULP_REFUSED = (
        "ulp-refused", "EINVAL: the upper layer protocol has no clone",
        "inet_ulp_can_listen(), net/ipv4/inet_connection_sock.c",
        "the socket has an upper layer protocol (TLS) that cannot listen",
    )
    FASTOPEN_NO_MEMORY = (
        "fastopen-no-memory", "ENOMEM: no memory for the fast open queue (v3.7 to v4.3)",
        "fastopen_init_queue() in inet_listen(), net/ipv4/af_inet.c", "no memory for the fast open queue",
        False, "4.3",
    )
    NO_MEMORY = (
        "no-memory", "ENOMEM: no memory for the table of requests (up to v4.3)",
        "reqsk_queue_alloc(), net/core/request_sock.c", "no memory for the table of requests", False, "4.3",
    )
    PORT_TAKEN = (
        "port-taken", "EADDRINUSE: get_port() found a conflict", _START, "another socket holds the port"
    )
    NO_FREE_PORT = (
        "no-free-port", "EADDRINUSE: not bound, and no port of the ephemeral range is free",
        "inet_csk_get_port(), net/ipv4/inet_connection_sock.c", "not bound, and no ephemeral port is free",
    )
    PORT_FAILURE_LOST = (
        "port-failure-lost",
        "0 although get_port() failed, and not listening: a defect of stable trees from January to March 2023",
        _START,
        "returned 0 although another socket holds the port, and does not listen: a known defect of stable kernels of early 2023",
        True,
    )
    HASH_FAILED = (
        "hash-failed", "the errno of .hash, which only joining a reuseport group can yield",
        "inet_hash(), net/ipv4/inet_hashtables.c", "the SO_REUSEPORT group cannot take another listener",
    )
    HASH_ERROR_LOST = (
        "hash-error-lost",
        "0 although hashing failed: LISTEN, but no SYN finds it (over IPv6, v4.6 to v4.8)",
        "inet6_hash(), net/ipv6/inet6_hashtables.c",
        "returned 0 although hashing failed, so no connection finds it: a known defect of kernels 4.6 to 4.8 over IPv6",
        True, "4.8",
    )
    LISTENS = "listens", "CLOSE to LISTEN on the port it is bound to", _START
    AUTOBINDS = (
        "autobinds", "CLOSE to LISTEN; not bound, so get_port(sk, 0) chooses a port", _START,
        "not bound, so the kernel chose a port",
    )
    MPTCP_ACCEPTED = (
        "mptcp-accepted", "EINVAL: an accepted MPTCP socket has no first subflow that could listen (up to v6.5)",
        "__mptcp_nmpc_socket(), net/mptcp/protocol.c", "an accepted MPTCP socket cannot listen on this kernel",
        False, "6.5",
    )
    UNIX_UNBOUND = (
        "unix-unbound", "EINVAL: no address; AF_UNIX has no autobind here", _UNIX,
        "an AF_UNIX socket needs bind() first",
    )
    UNIX_WRONG_STATE = "unix-wrong-state", "EINVAL: connected", _UNIX, "the socket is connected"
    UNIX_WRONG_STATE_IGNORED = (
        "unix-wrong-state-ignored", "0 although connected, and nothing done: the defect of v6.16", _UNIX,
        "returned 0 on a connected socket and did nothing: a known defect of kernels 6.16 to 7.1", True, "7.1",
    )
    UNIX_LISTENS = "unix-listens", "CLOSE to LISTEN", _UNIX
    UNIX_RELISTENS = (
        "unix-relistens", "already LISTEN: the backlog is adjusted", _UNIX,
        "was listening already, limit was {old_limit}",
    )
    VSOCK_UNBOUND = "vsock-unbound", "EINVAL: no address", _VSOCK, "an AF_VSOCK socket needs bind() first"
    VSOCK_LISTENS = "vsock-listens", "to LISTEN, whatever the state was", _VSOCK
    VSOCK_RELISTENS = (
        "vsock-relistens", "already LISTEN: the backlog is adjusted", _VSOCK,
        "was listening already, limit was {old_limit}",
    )
    SCTP_NEGATIVE = (
        "sctp-negative", "EINVAL: a negative backlog that was not clamped", _SCTP,
        "a negative backlog, which SCTP does not take",
    )
    SCTP_NOT_LISTENING = (
        "sctp-not-listening", "EINVAL: backlog 0, and nothing to end", _SCTP,
        "backlog 0 ends listening in SCTP, and the socket does not listen",
    )
    SCTP_STOPS = (
        "sctp-stops", "0: backlog 0 ends the listening", _SCTP,
        "backlog 0 ended the listening, as SCTP has it", True,
    )
    SCTP_LISTENS = "sctp-listens", "CLOSED to LISTENING on the port it is bound to", _SCTP_START
    SCTP_AUTOBINDS = (
        "sctp-autobinds", "CLOSED to LISTENING on a port of its choice", _SCTP_START,
        "not bound, so the kernel chose a port",
    )
    SCTP_RELISTENS = (
        "sctp-relistens", "already LISTENING: the backlog is adjusted", _SCTP,
        "was listening already, limit was {old_limit}",
    )
    SCTP_PORT_TAKEN = (
        "sctp-port-taken", "EADDRINUSE: another socket holds the port", _SCTP_START,
        "another socket holds the port",
    )
    SCTP_NO_FREE_PORT = (
        "sctp-no-free-port", "EAGAIN: no free port", _SCTP_START, "not bound, and no port is free",
    )
    SCTP_HASH_FAILED = (
        "sctp-hash-failed", "the errno of joining a reuseport group", _SCTP_START,
        "the SO_REUSEPORT group cannot take another listener",
    )


class BacklogRule(Cited):
    """How the backlog asked for became the backlog the protocol was given."""

    KEPT = "kept", "at most somaxconn: passed on as it is", _LISTEN
    ZERO = "zero", "0 stays 0: there is no lower bound", _LISTEN, "0 is kept: one connection may wait"
    CLAMPED = "clamped", "above somaxconn: somaxconn", _LISTEN, "clamped by net.core.somaxconn"
    NEGATIVE = (
        "negative", "compared as unsigned, so every negative number is above somaxconn: somaxconn",
        _LISTEN, "a negative number counts as huge: clamped by net.core.somaxconn",
    )
    SOMAXCONN_NEGATIVE = (
        "somaxconn-negative",
        "somaxconn itself is negative, so huge as unsigned: no clamp (settable until v3.10)",
        _LISTEN, "somaxconn is negative, so huge as unsigned: not clamped", False, "3.10",
    )
    NOT_CLAMPED = (
        "not-clamped", "the kernel's own listeners call ops->listen directly, past the clamp",
        "kernel_listen(), net/socket.c", "a listener of the kernel itself, which somaxconn does not clamp",
    )
    NOT_REACHED = "not-reached", "the call ended before the backlog was looked at", "(none)"


CLAMPS = frozenset(rule.value for rule in (BacklogRule.CLAMPED, BacklogRule.NEGATIVE))
"""The ids of the rules by which somaxconn takes the place of a greater backlog."""
