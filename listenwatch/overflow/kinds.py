"""What a connection can meet at a listener without room, in words."""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """``enum overflow_kind``, probes/overflow.h."""

    SYN_ACCEPT_QUEUE_FULL = 0
    SYN_QUEUE_FULL = 1
    SYN_COOKIE_SENT = 2
    SYN_DROPPED = 3
    ACK_IGNORED = 4
    ACK_RESET = 5
    ACK_DROPPED = 6
    UNIX_EAGAIN = 7
    UNIX_BLOCKED = 8

    @property
    def word(self) -> str:
        """A few words for a column."""
        return _WORDS[self][0]

    @property
    def meaning(self) -> str:
        """What happened, and what the other side sees of it."""
        return _WORDS[self][1]

    @property
    def is_of_syn_queue(self) -> bool:
        """Whether the queue that was full is that of requests, before the last ACK."""
        return self in (Kind.SYN_QUEUE_FULL, Kind.SYN_COOKIE_SENT)


_WORDS = {
    Kind.SYN_ACCEPT_QUEUE_FULL: (
        "SYN dropped",
        "the accept queue was full: the client's connect() waits and sends its SYN again",
    ),
    Kind.SYN_QUEUE_FULL: (
        "SYN queue full",
        "the SYN was dropped, as net.ipv4.tcp_syncookies is 0: the client sends it again",
    ),
    Kind.SYN_COOKIE_SENT: (
        "SYN cookie sent",
        "the SYN queue was full, or net.ipv4.tcp_syncookies is 2: the SYN was answered with a cookie "
        "and none was refused",
    ),
    Kind.SYN_DROPPED: (
        "SYN dropped, other",
        "neither queue was full: without syncookies the last quarter of net.ipv4.tcp_max_syn_backlog "
        "is for known peers; or memory or a route was missing",
    ),
    Kind.ACK_IGNORED: (
        "ACK ignored",
        "the accept queue was full when the handshake's last ACK came: the client believes it is "
        "connected, and its data are not acknowledged",
    ),
    Kind.ACK_RESET: (
        "ACK reset",
        "the same with net.ipv4.tcp_abort_on_overflow 1: the client sees ECONNRESET",
    ),
    Kind.ACK_DROPPED: (
        "ACK dropped, other",
        "the accept queue had room: memory or a route was missing for the connection",
    ),
    Kind.UNIX_EAGAIN: ("connect EAGAIN", "the queue was full, and connect() was not to wait"),
    Kind.UNIX_BLOCKED: ("connect waits", "the queue was full: connect() waits for accept()"),
}
