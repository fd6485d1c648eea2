"""One run of the model: a socket's fields, the trace they leave, and the choices the inputs leave open."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import Environment, Knowledge, Request, Socket, SocketState
from listenwatch.model.rules import BacklogRule, Rule
from listenwatch.model.stages import StageIndex, StageValues, Step
from listenwatch.model.syn_queue import ListenSock

T = TypeVar("T")


class Outcome(NamedTuple):
    """One way the call may go, with everything it leaves behind.

    ``stages`` is what the probe sees of it, ``steps`` the whole path in the order the kernel takes it.
    """

    rule: Rule
    backlog_rule: BacklogRule
    result: int
    stages: dict[StageIndex, StageValues]
    socket: Sock | None
    subflow: Sock | None
    steps: tuple[Step, ...] = ()


class Sock:
    """The fields of struct sock the listen path reads and writes.

    ``table`` is what reqsk_queue_alloc() made (None from v4.4), ``fastopen_max_qlen`` the limit this
    call set for fast open (0: none); what an earlier call left in them the record does not show.
    """

    __slots__ = (
        "ack_backlog",
        "bound",
        "fastopen_max_qlen",
        "max_ack_backlog",
        "socket_state",
        "state",
        "table",
    )

    def __init__(
        self, state: int, socket_state: int, max_ack_backlog: int, ack_backlog: int, bound: bool
    ) -> None:
        self.state = state
        self.socket_state = socket_state
        self.max_ack_backlog = max_ack_backlog
        self.ack_backlog = ack_backlog
        self.bound = bound
        self.table: ListenSock | None = None
        self.fastopen_max_qlen = 0


def first_subflow(pre: Socket) -> Sock | None:
    """The first subflow an MPTCP socket has already; it stays as it is in a call that never reaches it."""
    if not pre.subflow_state:
        return None
    return Sock(
        pre.subflow_state,
        SocketState.UNCONNECTED,
        pre.subflow_max_ack_backlog,
        pre.subflow_ack_backlog,
        bool(pre.bound),
    )


class Run:
    """The inputs of a call and what happens to them; the model's functions take it as their argument.

    ``choices`` scripts what the inputs do not decide: the n-th ``choose`` takes the option with
    that number, and the first one beyond the script.
    """

    def __init__(
        self,
        request: Request,
        pre: Socket,
        environment: Environment,
        behaviour: Behaviour,
        knowledge: Knowledge,
        choices: tuple[int, ...] = (),
    ) -> None:
        self.request = request
        self.pre = pre
        self.environment = environment
        self.behaviour = behaviour
        self.knowledge = knowledge
        self.choices = choices
        self.taken: list[tuple[int, int]] = []
        self.rule = Rule.BAD_DESCRIPTOR
        self.backlog_rule = BacklogRule.NOT_REACHED
        self.stages: dict[StageIndex, StageValues] = {}
        self.steps: list[Step] = []
        self.subflow = first_subflow(pre)

    def choose(self, known: T | None, *options: T) -> T:
        """What is known, else each of the options in turn: every option makes an outcome of its own."""
        if known is not None:
            return known
        position = len(self.taken)
        option = self.choices[position] if position < len(self.choices) else 0
        self.taken.append((option, len(options)))
        return options[option]

    def see(self, index: StageIndex, sk: Sock, value: int | None, ack_backlog: int | None = None) -> None:
        """The probe passes this stage with ``sk`` as it is now."""
        self.stages[index] = StageValues(value, sk.max_ack_backlog, ack_backlog, sk.state)

    def step(self, function: str, does: str, sk: Sock) -> None:
        """``function`` does something that leaves ``sk`` as it is now."""
        self.steps.append(Step(function, does, sk.state, sk.max_ack_backlog, sk.ack_backlog))

    def store_backlog(self, sk: Sock, backlog: int) -> None:
        """``sk->sk_max_ack_backlog = backlog``, unsigned and as wide as the field is."""
        sk.max_ack_backlog = backlog & ((1 << self.behaviour.max_ack_backlog_bits) - 1)

    def end(self, rule: Rule, result: int) -> int:
        """The call ends by this rule; returns the result for the caller to pass on."""
        self.rule = rule
        return result
