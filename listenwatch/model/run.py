"""One run of the model: a socket's fields, the trace they leave, and the choices the inputs leave open."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from listenwatch.model.behaviour import NEWEST, Behaviour
from listenwatch.model.choices import Choices, explored
from listenwatch.model.inputs import Environment, Knowledge, Request, Socket, SocketState, TcpState
from listenwatch.model.request_sock import ListenSock
from listenwatch.model.rules import BacklogRule, Cited, Rule
from listenwatch.model.stages import StageIndex, StageValues
from listenwatch.model.steps import Action, Step

T = TypeVar("T")
_make = tuple.__new__  # a NamedTuple without the call of its own __new__: what runs for every stage of every call


class Outcome(NamedTuple):
    """One way the call may go: ``stages`` is what the probe sees of it, ``steps`` the kernel's whole path in order."""

    rule: Cited
    backlog_rule: Cited
    result: int
    stages: dict[StageIndex, StageValues]
    socket: Sock | None
    subflow: Sock | None
    steps: tuple[Step, ...] = ()


class Sock:
    """The fields of struct sock the listen path reads and writes.

    ``local_port`` is None for one that the kernel chose in this call, which nobody can predict.
    ``table`` is what reqsk_queue_alloc() made (None from v4.4), ``fastopen_max_qlen`` the limit this
    call set for fast open (0: none); what an earlier call left in them the record does not show.
    """

    __slots__ = (
        "ack_backlog", "bound", "fastopen_max_qlen", "local_port", "max_ack_backlog", "socket_state",
        "state", "table",
    )

    def __init__(
        self, state: int, socket_state: int, max_ack_backlog: int, ack_backlog: int, bound: bool,
        local_port: int | None = 0,
    ) -> None:
        self.state, self.socket_state, self.bound, self.local_port = state, socket_state, bound, local_port
        self.max_ack_backlog, self.ack_backlog = max_ack_backlog, ack_backlog
        self.table: ListenSock | None = None
        self.fastopen_max_qlen = 0


class Run:
    """The inputs of a call and what happens to them; ``choices`` decides what the inputs leave open.

    ``names`` is the behaviour for what only the steps say: without steps no value of it is chosen.
    """

    def __init__(
        self, request: Request, pre: Socket, environment: Environment, behaviour: Behaviour,
        knowledge: Knowledge, choices: Choices, *, with_steps: bool,
    ) -> None:
        self.request, self.pre, self.environment = request, pre, environment
        self.behaviour = explored(behaviour, choices)
        self.names = self.behaviour if with_steps else NEWEST
        self.knowledge, self.choices = knowledge, choices
        self.rule = Rule.BAD_DESCRIPTOR
        self.backlog_rule = BacklogRule.NOT_REACHED
        self.stages: dict[StageIndex, StageValues] = {}
        self.steps: list[Step] = []
        self._with_steps = with_steps
        self.subflow = self._first_subflow()

    def _first_subflow(self) -> Sock | None:
        """The first subflow an MPTCP socket has already; it stays as it is in a call that never reaches it.

        Its port is its own: ``mptcp_disconnect()`` takes it from the subflow, unless bind() named it, and leaves
        the MPTCP socket's number. An old recording has only the latter, and allows both.
        """
        pre = self.pre
        if not pre.subflow_state:
            return None
        port, bound = pre.subflow_local_port, bool(pre.subflow_local_port)
        if port is None:
            sure = not pre.bound or pre.subflow_state == TcpState.LISTEN
            bound = bool(pre.bound) and self.choose(True if sure else None, True, False)
            port = pre.local_port if bound else 0
        return Sock(
            pre.subflow_state, SocketState.UNCONNECTED, pre.subflow_max_ack_backlog,
            pre.subflow_ack_backlog, bound, port,
        )

    def choose(self, known: T | None, *options: T) -> T:
        """What is known, else each of the options in turn: every option makes an outcome of its own."""
        return self.choices.choose(*options) if known is None else known

    def see(self, index: StageIndex, sk: Sock, value: int | None, ack_backlog: int | None = None) -> None:
        """The probe passes this stage with ``sk`` as it is now."""
        self.stages[index] = _make(StageValues, (value, sk.max_ack_backlog, ack_backlog, sk.state))

    def step(self, function: str, action: Action, sk: Sock, *operands: object) -> None:
        """``function`` does something that leaves ``sk`` as it is now."""
        if self._with_steps:
            self.steps.append(Step(function, action, operands, sk.state, sk.max_ack_backlog, sk.ack_backlog))

    def store_backlog(self, sk: Sock, backlog: int) -> None:
        """``sk->sk_max_ack_backlog = backlog``, unsigned and as wide as the field is."""
        sk.max_ack_backlog = backlog & ((1 << self.behaviour.max_ack_backlog_bits) - 1)

    def end(self, rule: Rule, result: int) -> int:
        """The call ends by this rule; returns the result for the caller to pass on."""
        self.rule = rule
        return result
