"""The steps of the kernel's path through a call, as data: reports make the words."""

from enum import Enum, auto
from typing import NamedTuple


class Action(Enum):
    """What a kernel function does at a step; the comment says what the operands are."""

    KEEPS_BACKLOG = auto()  # the backlog, somaxconn
    CLAMPS_BACKLOG = auto()  # the backlog asked for, somaxconn
    ALLOWS = auto()
    REFUSES = auto()
    IS_GIVEN_BACKLOG = auto()  # the backlog
    IS_GIVEN = auto()  # the backlog
    IS_GIVEN_TABLE_SIZE = auto()  # slots
    IS_GIVEN_SOCKET_ONLY = auto()
    STORES_BACKLOG = auto()
    LIMITS_FASTOPEN_QUEUE = auto()  # requests
    ALLOCATES_TABLE = auto()  # slots, max_qlen_log
    FREES_TABLE = auto()
    EMPTIES_QUEUE = auto()  # Stored: what becomes of the limit here
    SETS_STATE = auto()  # TcpState
    SETS_TRACED_STATE = auto()  # TcpState
    KEEPS_PORT = auto()
    CHOOSES_PORT = auto()
    FINDS_CONFLICT = auto()
    SETS_SOURCE_PORT = auto()
    HASHES = auto()  # ListenerTables
    HASHES_BELOW = auto()  # ListenerTables, InnerHash
    WAKES_LHASH_WAIT = auto()
    RUNS_BPF_LISTEN_CALLBACK = auto()
    LISTENS_THROUGH_SUBFLOW = auto()  # the function MPTCP enters TCP by
    LISTENS_AND_WAKES = auto()


class Step(NamedTuple):
    """One thing the kernel does: the function, the action with its operands, and the socket's fields after it."""

    function: str
    action: Action
    operands: tuple[object, ...]
    state: int
    max_ack_backlog: int
    ack_backlog: int
