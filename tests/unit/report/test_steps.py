"""Every action of the model has words, and every operand its place in them."""

from __future__ import annotations

import pytest

from listenwatch.model.inputs import TcpState
from listenwatch.model.steps import Action, Step
from listenwatch.model.variants import InnerHash, ListenerTables, Stored
from listenwatch.report.steps import step_text

OPERANDS: dict[Action, tuple[object, ...]] = {
    Action.KEEPS_BACKLOG: (5, 128),
    Action.CLAMPS_BACKLOG: (511, 128),
    Action.IS_GIVEN_BACKLOG: (5,),
    Action.IS_GIVEN: (5,),
    Action.IS_GIVEN_TABLE_SIZE: (512,),
    Action.LIMITS_FASTOPEN_QUEUE: (7,),
    Action.ALLOCATES_TABLE: (16, 4),
    Action.EMPTIES_QUEUE: (Stored.AFTER_LISTEN_START,),
    Action.SETS_STATE: (TcpState.LISTEN,),
    Action.SETS_TRACED_STATE: (TcpState.CLOSE,),
    Action.HASHES: (ListenerTables.ADDRESS,),
    Action.HASHES_BELOW: (ListenerTables.PORT, InnerHash.STATIC),
    Action.LISTENS_THROUGH_SUBFLOW: ("__inet_listen_sk",),
}


def text(action: Action, *operands: object) -> str:
    return step_text(Step("function", action, operands or OPERANDS.get(action, ()), 7, 0, 0))


@pytest.mark.parametrize("action", Action)
def test_every_action_has_words(action: Action) -> None:
    assert text(action) and "{" not in text(action)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (Action.CLAMPS_BACKLOG, "backlog 511 is clamped to somaxconn, 128"),
        (Action.KEEPS_BACKLOG, "backlog 5 is kept, somaxconn is 128"),
        (Action.ALLOCATES_TABLE, "table of 16, max_qlen_log 4"),
        (Action.EMPTIES_QUEUE, "sk_max_ack_backlog = 0, sk_ack_backlog = 0, inet_csk_delack_init()"),
        (Action.SETS_TRACED_STATE, "sk_state = CLOSE, sock:inet_sock_set_state fires"),
        (Action.HASHES, "into lhash2 (by port and address)"),
        (Action.HASHES_BELOW, "__inet_hash (static): into listening_hash (by port)"),
        (Action.LISTENS_THROUGH_SUBFLOW, "listens through its first subflow: __inet_listen_sk"),
    ],
)
def test_words(action: Action, words: str) -> None:
    assert text(action) == words


def test_what_becomes_of_the_limit_when_the_queue_is_emptied() -> None:
    assert text(Action.EMPTIES_QUEUE, Stored.BEFORE_LISTEN_START).startswith("sk_ack_backlog = 0")
    inside = text(Action.EMPTIES_QUEUE, Stored.INSIDE_LISTEN_START)
    assert inside.startswith("stores the backlog as sk_max_ack_backlog, ")
