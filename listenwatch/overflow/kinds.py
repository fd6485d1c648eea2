"""What a connection can meet at a listener whose queue is full."""

from enum import IntEnum


class OverflowKind(IntEnum):
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
    def is_of_syn_queue(self) -> bool:
        """Whether the queue that was full is the SYN queue."""
        return self in (OverflowKind.SYN_QUEUE_FULL, OverflowKind.SYN_COOKIE_SENT)


ACKS = frozenset({OverflowKind.ACK_IGNORED, OverflowKind.ACK_RESET, OverflowKind.ACK_DROPPED})
"""Of the last ACK of a handshake."""
