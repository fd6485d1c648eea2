"""The stages of a listen() call, in the order the kernel passes them: the one table of them.

Everything else that knows stages is derived from it or compared with it by a test: the bits and names
of records, the programs that fill a stage, the labels in reports (enum listen_stage_index,
probes/listen.h).
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import NamedTuple


class Moment(Enum):
    """When a stage is passed: as its function is entered, as it returns, or at a tracepoint within."""

    ENTRY = "entry"
    RETURN = "return"
    TRACEPOINT = "tracepoint"


class Holds(Enum):
    """What the value of a stage is."""

    NOTHING = "nothing"
    BACKLOG = "the backlog the function was given"
    RESULT = "0 or -errno"
    OLD_STATE = "the state before"
    HASH = "which .hash ran"


class StageIndex(IntEnum):
    """A stage: its number, and what is known of it. The lower-case name is what JSON calls it.

    ``function`` is the kernel function (or tracepoint), ``part_of`` the one a compiler may fold it
    into, so that not passing it says nothing.
    """

    function: str
    moment: Moment
    holds: Holds
    part_of: str
    label: str

    def __new__(
        cls, number: int, function: str, moment: Moment, holds: Holds, part_of: str = "", label: str = ""
    ) -> StageIndex:
        """Members are written as (number, function, moment, holds, part_of, label)."""
        stage = int.__new__(cls, number)
        stage._value_ = number
        stage.function, stage.moment, stage.holds, stage.part_of = function, moment, holds, part_of
        stage.label = label or (f"{function} returns" if moment is Moment.RETURN else function)
        return stage

    SECURITY = 0, "security_socket_listen", Moment.ENTRY, Holds.BACKLOG
    SECURITY_RETURN = 1, "security_socket_listen", Moment.RETURN, Holds.RESULT
    INET_LISTEN = 2, "inet_listen", Moment.ENTRY, Holds.BACKLOG
    INET_LISTEN_SK = 3, "__inet_listen_sk", Moment.ENTRY, Holds.BACKLOG, "inet_listen"
    LISTEN_START = 4, "inet_csk_listen_start", Moment.ENTRY, Holds.NOTHING
    STATE_LISTEN = 5, "inet_sock_set_state", Moment.TRACEPOINT, Holds.OLD_STATE, "", "state to LISTEN"
    HASH = 6, "inet_hash", Moment.ENTRY, Holds.HASH
    STATE_CLOSE = 7, "inet_sock_set_state", Moment.TRACEPOINT, Holds.OLD_STATE, "", "state back to CLOSE"
    LISTEN_START_RETURN = 8, "inet_csk_listen_start", Moment.RETURN, Holds.RESULT
    INET_LISTEN_RETURN = 9, "inet_listen", Moment.RETURN, Holds.RESULT

    @property
    def key(self) -> str:
        """What JSON calls it."""
        return self.name.lower()


ENTRIES = {
    stage: tuple(
        entry
        for entry in StageIndex
        if entry.moment is Moment.ENTRY and stage.function in (entry.function, entry.part_of)
    )
    for stage in StageIndex
    if stage.moment is Moment.RETURN
}
"""For the return of a function, the stages at which it, or what may be folded into it, was entered."""

HASH_FUNCTIONS = {1: "inet_hash", 2: "inet6_hash"}
"""Value of the HASH stage: which .hash ran (enum listen_hash, probes/listen.h)."""


class StageValues(NamedTuple):
    """What one stage holds: the argument or return value, and the fields of struct sock at that moment.

    ``ack_backlog`` is None where connections may already arrive, so that no number is right.
    ``value`` is None for a function whose argument says nothing.
    """

    value: int | None
    max_ack_backlog: int
    ack_backlog: int | None
    state: int
