"""The words for each step of the kernel's path."""

from enum import Enum

from listenwatch.model.steps import Action, Step
from listenwatch.model.variants import Stored

_WORDS = {
    Action.KEEPS_BACKLOG: "backlog {} is kept, somaxconn is {}",
    Action.CLAMPS_BACKLOG: "backlog {} is clamped to somaxconn, {}",
    Action.ALLOWS: "allows",
    Action.REFUSES: "refuses",
    Action.IS_GIVEN_BACKLOG: "gets backlog {}",
    Action.IS_GIVEN: "gets {}",
    Action.IS_GIVEN_TABLE_SIZE: "gets nr_table_entries {} (TCP_SYNQ_HSIZE)",
    Action.IS_GIVEN_SOCKET_ONLY: "gets the socket only",
    Action.STORES_BACKLOG: "stores the backlog as sk_max_ack_backlog",
    Action.LIMITS_FASTOPEN_QUEUE: "lets {} fast open requests wait, unless that is set",
    Action.ALLOCATES_TABLE: "table of {}, max_qlen_log {}",
    Action.FREES_TABLE: "frees the table",
    Action.EMPTIES_QUEUE: "{}sk_ack_backlog = 0, inet_csk_delack_init()",
    Action.SETS_STATE: "sk_state = {}",
    Action.SETS_TRACED_STATE: "sk_state = {}, sock:inet_sock_set_state fires",
    Action.KEEPS_PORT: "keeps the port",
    Action.CHOOSES_PORT: "chooses a port",
    Action.FINDS_CONFLICT: "fails",
    Action.SETS_SOURCE_PORT: "inet_sport = htons(inet_num), sk_dst_reset()",
    Action.HASHES: "into {}",
    Action.HASHES_BELOW: "__inet_hash ({1}): into {0}",
    Action.WAKES_LHASH_WAIT: "wake_up(lhash_wait)",
    Action.RUNS_BPF_LISTEN_CALLBACK: "BPF_SOCK_OPS_TCP_LISTEN_CB",
    Action.LISTENS_THROUGH_SUBFLOW: "listens through its first subflow: {}",
    Action.LISTENS_AND_WAKES: "stores the backlog, LISTEN, wakes connectors that wait for room",
}

_STORED = {
    Stored.AFTER_LISTEN_START: "sk_max_ack_backlog = 0, ",
    Stored.INSIDE_LISTEN_START: "stores the backlog as sk_max_ack_backlog, ",
    Stored.BEFORE_LISTEN_START: "",
}


def step_text(step: Step) -> str:
    """What the function does at this step."""
    return _WORDS[step.action].format(*map(_operand, step.operands))


def _operand(operand: object) -> str:
    if isinstance(operand, Stored):
        return _STORED[operand]
    if isinstance(operand, int) and isinstance(operand, Enum):
        return operand.name
    return str(operand.value) if isinstance(operand, Enum) else str(operand)
