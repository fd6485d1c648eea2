"""The stages of a listen() call, in the order the kernel passes them (enum listen_stage_index, probes/listen.h)."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class StageIndex(IntEnum):
    """Names of the stages; the lower-case name is what JSON calls it."""

    SECURITY = 0
    SECURITY_RETURN = 1
    INET_LISTEN = 2
    INET_LISTEN_SK = 3
    LISTEN_START = 4
    STATE_LISTEN = 5
    HASH = 6
    STATE_CLOSE = 7
    LISTEN_START_RETURN = 8
    INET_LISTEN_RETURN = 9


STAGE_LABELS = {
    StageIndex.SECURITY: "security_socket_listen",
    StageIndex.SECURITY_RETURN: "security_socket_listen returns",
    StageIndex.INET_LISTEN: "inet_listen",
    StageIndex.INET_LISTEN_SK: "__inet_listen_sk",
    StageIndex.LISTEN_START: "inet_csk_listen_start",
    StageIndex.STATE_LISTEN: "state to LISTEN",
    StageIndex.HASH: "inet_hash",
    StageIndex.STATE_CLOSE: "state back to CLOSE",
    StageIndex.LISTEN_START_RETURN: "inet_csk_listen_start returns",
    StageIndex.INET_LISTEN_RETURN: "inet_listen returns",
}

HASH_FUNCTIONS = {1: "inet_hash", 2: "inet6_hash"}
"""Value of the HASH stage: which .hash ran (enum listen_hash, probes/listen.h)."""


class Step(NamedTuple):
    """One thing the kernel does on its way, for people: which function, what, and the fields after it."""

    function: str
    does: str
    state: int
    max_ack_backlog: int
    ack_backlog: int


class StageValues(NamedTuple):
    """What one stage holds: the argument or return value, and the fields of struct sock at that moment.

    ``ack_backlog`` is None where connections may already arrive, so that no number is right.
    ``value`` is None for a function whose argument says nothing.
    """

    value: int | None
    max_ack_backlog: int
    ack_backlog: int | None
    state: int
