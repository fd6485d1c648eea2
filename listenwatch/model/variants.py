"""The shapes a behaviour had over the years: what the fields of Behaviour choose from."""

from enum import Enum


class Stored(Enum):
    """When ``inet_listen()`` stores the backlog of a first listen."""

    AFTER_LISTEN_START = "zeroed in inet_csk_listen_start, stored after it succeeded"
    INSIDE_LISTEN_START = "stored in inet_csk_listen_start"
    BEFORE_LISTEN_START = "stored before inet_csk_listen_start"


class SomaxconnRange(Enum):
    """Which numbers the handler of net.core.somaxconn takes."""

    ANY_INT = "any int, negative ones too"
    UNSIGNED_SHORT = "0 to 65535"
    NON_NEGATIVE = "0 to 2147483647"


class SynQueue(Enum):
    """What holds the requests of a listener, and what its limit is made from."""

    TABLE_OF_512 = "a table of 512 slots, limit from tcp_max_syn_backlog alone"
    TABLE_BY_BACKLOG = "a table as large as its limit, from backlog and tcp_max_syn_backlog"
    NO_TABLE = "no table of its own, the limit is max_ack_backlog"


class FastOpen(Enum):
    """What a first listen does for fast open if tcp_fastopen asks for it without a socket option."""

    NONE = "nothing, there is no server side"
    ALLOCATES = "allocates a queue: 0x400 as long as backlog, 0x800 as long as tcp_fastopen >> 16"
    TUNES_EITHER = "sets the queue's limit: 0x400 to backlog, 0x800 to tcp_fastopen >> 16"
    TUNES = "sets the queue's limit to backlog with 0x400"


class HashError(Enum):
    """What becomes of a failing ``.hash`` (only joining a reuseport group fails)."""

    CANNOT_FAIL = "returns void, there are no reuseport groups"
    LOST_OVER_IPV6 = "passed on over IPv4; inet6_hash returns 0 always"
    PASSED_ON = "passed on"


class ListenerTables(Enum):
    """Which hash tables a listener is put into."""

    PORT = "listening_hash (by port)"
    PORT_AND_ADDRESS = "listening_hash (by port) and lhash2 (by port and address)"
    ADDRESS = "lhash2 (by port and address)"


class InnerHash(Enum):
    """What ``__inet_hash`` is: whether a probe can attach to it."""

    INLINE = "inline"
    STATIC = "static"
    GLOBAL = "global"
    GONE = "gone"


class StartArgument(Enum):
    """The second argument of ``inet_csk_listen_start()``."""

    TCP_SYNQ_HSIZE = "the constant 512"
    BACKLOG = "the backlog"
    NONE = "none"


NO_MPTCP = "no MPTCP"
"""What Behaviour.mptcp_enters says of kernels without MPTCP."""
