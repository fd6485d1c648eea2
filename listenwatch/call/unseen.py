"""What of a socket could not be seen: the probe in the kernel sees all of it, a look from user space does not.

``Socket.seen`` says so: 0 is no socket, 1 all of it, and each further bit a group of fields that is not known. Such a
field is 0 in the record, ``null`` in JSON, and no part of any comparison.
"""

from enum import IntFlag
from functools import lru_cache

from listenwatch.model.inputs import Socket


class Unseen(IntFlag):
    """The bits of ``Socket.seen`` beside the first one."""

    BACKLOGS = 2
    STATE = 4
    SOCKET_STATE = 8
    PORT = 16
    SUBFLOW_STATE = 32
    SUBFLOW = 64
    ULP = 128


FIELDS = {
    Unseen.BACKLOGS: ("max_ack_backlog", "ack_backlog"),
    Unseen.STATE: ("state",),
    Unseen.SOCKET_STATE: ("socket_state",),
    Unseen.PORT: ("local_port",),
    Unseen.SUBFLOW_STATE: ("subflow_state",),
    Unseen.SUBFLOW: ("subflow_max_ack_backlog", "subflow_ack_backlog", "subflow_local_port"),
    Unseen.ULP: ("ulp",),
}
"""The fields of Socket that go with each."""


def unseen_fields(sock: Socket) -> frozenset[str]:
    """The fields of a socket that are not known; of one that was not seen at all this says nothing."""
    return _fields(sock.seen)


@lru_cache(maxsize=256)
def _fields(seen: int) -> frozenset[str]:
    return frozenset(name for bit, names in FIELDS.items() if seen & bit for name in names)


def seen_without(fields: frozenset[str]) -> int:
    """The value of ``Socket.seen`` for a socket of which these fields are not known; a group goes as a whole."""
    return 1 + sum(bit for bit, names in FIELDS.items() if fields.intersection(names))
