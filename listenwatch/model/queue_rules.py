"""What becomes of a connection: every response of a listener, with its source."""

from enum import Enum

from listenwatch.model.rules import Cited


class Response(Enum):
    """What a connection gets from a listener."""

    SYN_ACK = "SYN-ACK, the request waits in the SYN queue"
    COOKIE = "SYN-ACK with a cookie, nothing waits"
    DROPPED = "SYN dropped, the client sends it again after 1 s"
    QUEUED = "in the accept queue"
    IGNORED = "ACK ignored, the client believes it is connected"
    RESET = "reset by the server"
    EAGAIN = "EAGAIN"
    BLOCKS = "connect() waits for room"
    UNKNOWN = "not known"


_SYN = "{conn_request}"
_FLOOD = "{syn_flood_action}"
_ACK = "tcp_v4_syn_recv_sock(), net/ipv4/tcp_ipv4.c"
_CHECK = "tcp_check_req(), net/ipv4/tcp_minisocks.c"
_UNIX = "unix_stream_connect(), net/unix/af_unix.c"


class QueueRule(Cited):
    """Why a SYN, a final ACK or an AF_UNIX connect() gets the response it gets."""

    SYN_QUEUED = "syn-queued", "both queues have room", _SYN
    SYN_QUEUED_WHILE_FULL = (
        "syn-queued-while-full",
        "the accept queue is full, but only more than one young request keeps a SYN out (up to v4.9)", _SYN,
        "", False, "4.9",
    )
    SYN_COOKIE = "syn-cookie", "the SYN queue is full and tcp_syncookies is not 0", _FLOOD
    SYN_COOKIE_ALWAYS = "syn-cookie-always", "tcp_syncookies is 2", _FLOOD
    SYN_QUEUE_FULL = "syn-queue-full", "the SYN queue is full and tcp_syncookies is 0", _FLOOD
    SYN_ACCEPT_QUEUE_FULL = "syn-accept-queue-full", "the accept queue is full", _SYN
    SYN_LAST_QUARTER = (
        "syn-last-quarter",
        "tcp_syncookies is 0, and the last quarter of tcp_max_syn_backlog is for peers seen before", _SYN,
    )
    SYN_UNKNOWN = "syn-unknown", "what this release answers was not read", _SYN
    ACK_QUEUED = "ack-queued", "the accept queue has room", _ACK
    ACK_OVERFLOW = (
        "ack-overflow",
        "the accept queue is full: the request stays, a SYN-ACK sent again may find room", _CHECK,
    )
    ACK_RESET = "ack-reset", "the accept queue is full and tcp_abort_on_overflow is set", _CHECK
    ACK_COOKIE_OVERFLOW = (
        "ack-cookie-overflow",
        "the accept queue is full: the ACK of a cookie leaves nothing, tcp_abort_on_overflow plays no part",
        "tcp_get_cookie_sock(), net/ipv4/syncookies.c",
    )
    ACK_FASTOPEN = (
        "ack-fastopen", "fast open: the child is in the accept queue since its SYN",
        "tcp_fastopen_create_child(), net/ipv4/tcp_fastopen.c",
    )
    UNIX_QUEUED = "unix-queued", "the listener's queue has room", _UNIX
    UNIX_EAGAIN = "unix-eagain", "the listener's queue is full; not blocking", _UNIX
    UNIX_BLOCKS = "unix-blocks", "the listener's queue is full; blocking, up to SO_SNDTIMEO", _UNIX
