"""The rules: every way a listen() call can go, and where its number comes from, with the source."""

from __future__ import annotations

from enum import Enum


class Cited(Enum):
    """A rule: ``value`` is its id in reports, ``text`` what it means, ``source`` the function that decides."""

    text: str
    source: str

    def __new__(cls, name: str, text: str, source: str) -> Cited:
        """Members are written as (id, text, source)."""
        rule = object.__new__(cls)
        rule._value_ = name
        rule.text = text
        rule.source = source
        return rule


_LISTEN = "__sys_listen_socket(), net/socket.c"
_INET = "__inet_listen_sk(), net/ipv4/af_inet.c"
_START = "inet_csk_listen_start(), net/ipv4/inet_connection_sock.c"
_UNIX = "unix_listen(), net/unix/af_unix.c"
_VSOCK = "vsock_listen(), net/vmw_vsock/af_vsock.c"
_SCTP = "sctp_inet_listen(), net/sctp/socket.c"
_SCTP_START = "sctp_listen_start(), net/sctp/socket.c"


class Rule(Cited):
    """How a call ends. A text begins with the errno where there is one."""

    BAD_DESCRIPTOR = (
        "bad-descriptor",
        "EBADF: no such descriptor, or opened with O_PATH",
        "__sys_listen(), net/socket.c",
    )
    NOT_A_SOCKET = (
        "not-a-socket",
        "ENOTSOCK: the file is no socket",
        "sock_from_file(), net/socket.c",
    )
    SECURITY_REFUSED = (
        "security-refused",
        "the security module's errno, as it is",
        f"security_socket_listen() in {_LISTEN}",
    )
    NOT_SUPPORTED = (
        "not-supported",
        "EOPNOTSUPP: this kind of socket has no listen",
        "sock_no_listen(), net/core/sock.c",
    )
    WRONG_SOCKET_STATE = (
        "wrong-socket-state",
        "EINVAL: sock->state is not SS_UNCONNECTED",
        "inet_listen(), net/ipv4/af_inet.c",
    )
    WRONG_STATE = "wrong-state", "EINVAL: sk_state is neither CLOSE nor LISTEN", _INET
    RELISTENS = "relistens", "already LISTEN: only the backlog is adjusted", _INET
    ULP_REFUSED = (
        "ulp-refused",
        "EINVAL: the upper layer protocol has no clone",
        "inet_ulp_can_listen(), net/ipv4/inet_connection_sock.c",
    )
    FASTOPEN_NO_MEMORY = (
        "fastopen-no-memory",
        "ENOMEM: no memory for the fast open queue (v3.7 to v4.3)",
        "fastopen_init_queue() in inet_listen(), net/ipv4/af_inet.c",
    )
    NO_MEMORY = (
        "no-memory",
        "ENOMEM: no memory for the table of requests (up to v4.3)",
        "reqsk_queue_alloc(), net/core/request_sock.c",
    )
    PORT_TAKEN = "port-taken", "EADDRINUSE: get_port() found a conflict", _START
    NO_FREE_PORT = (
        "no-free-port",
        "EADDRINUSE: not bound, and no port of the ephemeral range is free",
        "inet_csk_get_port(), net/ipv4/inet_connection_sock.c",
    )
    PORT_FAILURE_LOST = (
        "port-failure-lost",
        "0 although get_port() failed, and not listening: a slip of stable trees from January to March 2023",
        _START,
    )
    HASH_FAILED = (
        "hash-failed",
        "the errno of .hash, which only joining a reuseport group can yield",
        "inet_hash(), net/ipv4/inet_hashtables.c",
    )
    HASH_ERROR_LOST = (
        "hash-error-lost",
        "0 although hashing failed: LISTEN, but no SYN finds it (over IPv6, v4.6 to v4.8)",
        "inet6_hash(), net/ipv6/inet6_hashtables.c",
    )
    LISTENS = "listens", "CLOSE to LISTEN on the port it is bound to", _START
    AUTOBINDS = (
        "autobinds",
        "CLOSE to LISTEN; not bound, so get_port(sk, 0) chooses a port",
        _START,
    )
    UNIX_UNBOUND = "unix-unbound", "EINVAL: no address; AF_UNIX has no autobind here", _UNIX
    UNIX_WRONG_STATE = "unix-wrong-state", "EINVAL: connected", _UNIX
    UNIX_WRONG_STATE_IGNORED = (
        "unix-wrong-state-ignored",
        "0 although connected, and nothing done: the slip of v6.16",
        _UNIX,
    )
    UNIX_LISTENS = "unix-listens", "CLOSE to LISTEN", _UNIX
    UNIX_RELISTENS = "unix-relistens", "already LISTEN: the backlog is adjusted", _UNIX
    VSOCK_UNBOUND = "vsock-unbound", "EINVAL: no address", _VSOCK
    VSOCK_LISTENS = "vsock-listens", "to LISTEN, whatever the state was", _VSOCK
    VSOCK_RELISTENS = "vsock-relistens", "already LISTEN: the backlog is adjusted", _VSOCK
    SCTP_NEGATIVE = "sctp-negative", "EINVAL: a negative backlog that was not clamped", _SCTP
    SCTP_NOT_LISTENING = "sctp-not-listening", "EINVAL: backlog 0, and nothing to end", _SCTP
    SCTP_STOPS = "sctp-stops", "0: backlog 0 ends the listening", _SCTP
    SCTP_LISTENS = "sctp-listens", "CLOSED to LISTENING on the port it is bound to", _SCTP_START
    SCTP_AUTOBINDS = "sctp-autobinds", "CLOSED to LISTENING on a port of its choice", _SCTP_START
    SCTP_RELISTENS = "sctp-relistens", "already LISTENING: the backlog is adjusted", _SCTP
    SCTP_PORT_TAKEN = "sctp-port-taken", "EADDRINUSE: another socket holds the port", _SCTP_START
    SCTP_NO_FREE_PORT = "sctp-no-free-port", "EAGAIN: no free port", _SCTP_START
    SCTP_HASH_FAILED = "sctp-hash-failed", "the errno of joining a reuseport group", _SCTP_START


class BacklogRule(Cited):
    """How the backlog asked for became the backlog the protocol was given."""

    KEPT = "kept", "at most somaxconn: passed on as it is", _LISTEN
    ZERO = "zero", "0 stays 0: there is no lower bound", _LISTEN
    CLAMPED = "clamped", "above somaxconn: somaxconn", _LISTEN
    NEGATIVE = (
        "negative",
        "compared as unsigned, so every negative number is above somaxconn: somaxconn",
        _LISTEN,
    )
    SOMAXCONN_NEGATIVE = (
        "somaxconn-negative",
        "somaxconn itself is negative, so huge as unsigned: no clamp (settable until v3.10)",
        _LISTEN,
    )
    NOT_CLAMPED = (
        "not-clamped",
        "the kernel's own listeners call ops->listen directly, past the clamp",
        "kernel_listen(), net/socket.c",
    )
    NOT_REACHED = "not-reached", "the call ended before the backlog was looked at", "(none)"
