"""The rules: every way a listen() call can go, and where its number comes from, with the source."""

from __future__ import annotations

from enum import Enum


class Rule(Enum):
    """How a call ends. The value is the rule's id in reports; the docstring of each cites the function."""

    BAD_DESCRIPTOR = "bad-descriptor"
    """EBADF: no such descriptor, or opened with O_PATH. __sys_listen(), net/socket.c"""
    NOT_A_SOCKET = "not-a-socket"
    """ENOTSOCK: the file is no socket. sock_from_file(), net/socket.c"""
    SECURITY_REFUSED = "security-refused"
    """The security module's errno, as it is. security_socket_listen() in __sys_listen_socket(), net/socket.c"""
    NOT_SUPPORTED = "not-supported"
    """EOPNOTSUPP: this kind of socket has no listen. sock_no_listen(), net/core/sock.c"""
    WRONG_SOCKET_STATE = "wrong-socket-state"
    """EINVAL: sock->state is not SS_UNCONNECTED. inet_listen(), net/ipv4/af_inet.c"""
    WRONG_STATE = "wrong-state"
    """EINVAL: sk_state is neither CLOSE nor LISTEN. __inet_listen_sk(), net/ipv4/af_inet.c"""
    RELISTENS = "relistens"
    """Already LISTEN: only the backlog is adjusted. __inet_listen_sk(), net/ipv4/af_inet.c"""
    ULP_REFUSED = "ulp-refused"
    """EINVAL: the upper layer protocol has no clone. inet_ulp_can_listen(), net/ipv4/inet_connection_sock.c"""
    PORT_TAKEN = "port-taken"
    """EADDRINUSE: get_port() found a conflict. inet_csk_listen_start(), net/ipv4/inet_connection_sock.c"""
    NO_FREE_PORT = "no-free-port"
    """EADDRINUSE: not bound, and no port of the ephemeral range is free. inet_csk_get_port()"""
    HASH_FAILED = "hash-failed"
    """The errno of .hash, which only joining a reuseport group can yield. inet_hash(), net/ipv4/inet_hashtables.c"""
    LISTENS = "listens"
    """CLOSE to LISTEN on the port it is bound to. inet_csk_listen_start()"""
    AUTOBINDS = "autobinds"
    """CLOSE to LISTEN; not bound, so get_port(sk, 0) chooses a port. inet_csk_listen_start()"""
    UNIX_UNBOUND = "unix-unbound"
    """EINVAL: no address; AF_UNIX has no autobind here. unix_listen(), net/unix/af_unix.c"""
    UNIX_WRONG_STATE = "unix-wrong-state"
    """EINVAL: connected. unix_listen(), net/unix/af_unix.c"""
    UNIX_WRONG_STATE_IGNORED = "unix-wrong-state-ignored"
    """0 although connected, and nothing done: the slip of v6.16. unix_listen(), net/unix/af_unix.c"""
    UNIX_LISTENS = "unix-listens"
    """CLOSE to LISTEN. unix_listen(), net/unix/af_unix.c"""
    UNIX_RELISTENS = "unix-relistens"
    """Already LISTEN: the backlog is adjusted. unix_listen(), net/unix/af_unix.c"""


class BacklogRule(Enum):
    """How the backlog asked for became the backlog the protocol was given."""

    KEPT = "kept"
    """At most somaxconn: passed on as it is. __sys_listen_socket(), net/socket.c"""
    ZERO = "zero"
    """0 stays 0: there is no lower bound. __sys_listen_socket(), net/socket.c"""
    CLAMPED = "clamped"
    """Above somaxconn: somaxconn. __sys_listen_socket(), net/socket.c"""
    NEGATIVE = "negative"
    """Compared as unsigned, so every negative number is above somaxconn: somaxconn. net/socket.c"""
    NOT_CLAMPED = "not-clamped"
    """The kernel's own listeners call ops->listen directly, past the clamp. kernel_listen(), net/socket.c"""
    NOT_REACHED = "not-reached"
    """The call ended before the backlog was looked at."""
