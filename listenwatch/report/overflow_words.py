"""The words for what a connection met: a few for a column, and what the other side sees of it."""

from listenwatch.overflow.kinds import OverflowKind

WORDS = {
    OverflowKind.SYN_ACCEPT_QUEUE_FULL: (
        "SYN dropped",
        "the accept queue was full: the client's connect() waits and sends its SYN again",
    ),
    OverflowKind.SYN_QUEUE_FULL: (
        "SYN queue full",
        "the SYN was dropped, as net.ipv4.tcp_syncookies is 0: the client sends it again",
    ),
    OverflowKind.SYN_COOKIE_SENT: (
        "SYN cookie sent",
        "the SYN queue was full, or net.ipv4.tcp_syncookies is 2: the SYN was answered with a cookie "
        "and none was refused",
    ),
    OverflowKind.SYN_DROPPED: (
        "SYN dropped, other",
        "neither queue was full: without syncookies the last quarter of net.ipv4.tcp_max_syn_backlog "
        "is for known peers; or memory or a route was missing",
    ),
    OverflowKind.ACK_IGNORED: (
        "ACK ignored",
        "the accept queue was full when the handshake's last ACK came: the client believes it is "
        "connected, and its data are not acknowledged",
    ),
    OverflowKind.ACK_RESET: (
        "ACK reset",
        "the same with net.ipv4.tcp_abort_on_overflow 1: the client sees ECONNRESET",
    ),
    OverflowKind.ACK_DROPPED: (
        "ACK dropped, other",
        "the accept queue had room: memory or a route was missing for the connection",
    ),
    OverflowKind.UNIX_EAGAIN: ("connect EAGAIN", "the queue was full, and connect() was not to wait"),
    OverflowKind.UNIX_BLOCKED: ("connect waits", "the queue was full: connect() waits for accept()"),
}
