"""The model as a calculator: one listen() on a kernel that need not be here, and what comes after it."""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from listenwatch.errors import UsageError
from listenwatch.model.af_unix import unix_stream_connect
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.history import Version
from listenwatch.model.inputs import EntryPath, Environment, Knowledge, Request, Socket, TcpState
from listenwatch.model.kernels import STARTS, NoEra, behaviour_for, name
from listenwatch.model.predict import predict
from listenwatch.model.request_sock import first_quarters, syn_queue_limit
from listenwatch.model.run import Outcome, Sock
from listenwatch.model.tcp_input import (
    Listener,
    QueueResponse,
    accept_queue_capacity,
    never_full,
    tcp_conn_request,
)
from listenwatch.model.tcp_minisocks import tcp_check_req
from listenwatch.prediction.parameters import Parameters, environment_of, socket_of

KNOWN = Knowledge(refusal=0, port_free=True, memory=True)


class When(Enum):
    """When the next packet or connect() arrives; ``{}`` stands for how many requests wait."""

    UNIX_NONBLOCKING = "queue full, connect() non-blocking"
    UNIX_BLOCKING = "queue full, connect() blocking"
    ACCEPT_QUEUE_FULL = "accept queue full, SYN"
    ACCEPT_QUEUE_FULL_YOUNG = "accept queue full, {} young requests, SYN"
    ACCEPT_QUEUE_FULL_ACK = "accept queue full, final ACK"
    SYN_QUEUE_FULL = "SYN queue full, SYN"
    LAST_QUARTER = "{} requests wait, SYN of a new peer"


class Situation(NamedTuple):
    """When, with how many requests wait where that matters, and what the next connection gets then."""

    when: When
    response: QueueResponse
    requests: int = 0


class Prediction(NamedTuple):
    """What listen() does on one kernel.

    ``outcome`` is the likeliest, ``others`` what else the inputs allow (a port taken, no memory).
    ``listener`` has nobody waiting yet; None where nothing listens.
    """

    version: Version
    behaviour: Behaviour
    parameters: Parameters
    environment: Environment
    outcome: Outcome
    others: tuple[Outcome, ...]
    listener: Listener | None
    situations: tuple[Situation, ...] = ()

    @property
    def sock(self) -> Sock:
        """The socket that listens: of MPTCP, its first subflow."""
        return _sock_of(self.outcome)

    @property
    def capacity(self) -> int | None:
        """Connections that wait for accept(); None: without end, or nothing listens."""
        if not self.listener or never_full(self.listener.max_ack_backlog, self.behaviour):
            return None
        return accept_queue_capacity(self.listener.max_ack_backlog, self.behaviour)

    @property
    def syn_limit(self) -> int | None:
        """Requests that wait before the SYN queue is full; None: not known, or there is none."""
        if not self.listener or self.parameters.family == "unix":
            return None
        return syn_queue_limit(self.listener.max_ack_backlog, self.listener.table, self.behaviour)


def calculate(version: Version, parameters: Parameters, behaviour: Behaviour | None = None) -> Prediction:
    """What listen() stores on this kernel, and what it means to the next connection.

    ``behaviour`` is the kernel's, by default what its release says. Raises UsageError before v2.6.12,
    Unmodelled where the kernel has no such socket.
    """
    try:
        behaviour = behaviour or behaviour_for(version)
    except NoEra as error:
        eras = ", ".join(map(name, STARTS))
        raise UsageError(f"{error}; eras begin with {eras}") from None
    environment = environment_of(parameters, behaviour)
    pre, table = socket_of(parameters), None
    if parameters.relisten is not None:
        first = _listen(parameters.relisten, pre, environment, behaviour, KNOWN)[0]
        table = _sock_of(first).table
        pre = _listening(pre, first)
    unknown = Knowledge(refusal=0)
    outcome, *others = _listen(parameters.backlog, pre, environment, behaviour, unknown)
    sock, listener = _sock_of(outcome), None
    if sock.state == TcpState.LISTEN:
        listener = Listener(sock.max_ack_backlog, table=table or sock.table)
    made = Prediction(version, behaviour, parameters, environment, outcome, tuple(others), listener)
    return made._replace(situations=tuple(_situations(made)))


def _sock_of(outcome: Outcome) -> Sock:
    sock = outcome.subflow or outcome.socket
    assert sock  # the socket is always open
    return sock


def _listening(pre: Socket, first: Outcome) -> Socket:
    """The socket after its first listen()."""
    limit = _sock_of(first).max_ack_backlog
    pre = pre._replace(state=TcpState.LISTEN, bound=1)
    if first.subflow:
        return pre._replace(subflow_state=TcpState.LISTEN, subflow_max_ack_backlog=limit)
    return pre._replace(max_ack_backlog=limit)


def _listen(
    backlog: int, pre: Socket, environment: Environment, behaviour: Behaviour, known: Knowledge
) -> list[Outcome]:
    """Every outcome, those that differ in nothing but their steps once."""
    request = Request(EntryPath.SYSCALL, is_file=True, is_socket=True, backlog=backlog)
    outcomes: dict[object, Outcome] = {}
    for outcome in predict(request, pre, environment, behaviour, known):
        sock = _sock_of(outcome)
        stored = sock.state, sock.max_ack_backlog, sock.table, sock.fastopen_max_qlen
        outcomes.setdefault((outcome.rule, outcome.result, *stored), outcome)
    return list(outcomes.values())


def _situations(prediction: Prediction) -> Iterator[Situation]:
    """What the next connection gets when each queue is full."""
    listener, environment = prediction.listener, prediction.environment
    behaviour = prediction.behaviour
    if not listener:
        return
    if prediction.parameters.family == "unix":
        room = accept_queue_capacity(listener.max_ack_backlog, behaviour)
        for when, nonblocking in ((When.UNIX_NONBLOCKING, True), (When.UNIX_BLOCKING, False)):
            yield Situation(when, unix_stream_connect(room, room - 1, nonblocking=nonblocking))
        return

    def syn(when: When, queues: Listener, requests: int = 0) -> Situation:
        return Situation(when, tcp_conn_request(queues, environment, behaviour), requests)

    if prediction.capacity is not None:
        full = listener._replace(ack_backlog=prediction.capacity)
        yield syn(When.ACCEPT_QUEUE_FULL, full)
        if not behaviour.values()["full_acceptq_drops_every_syn"]:
            yield syn(When.ACCEPT_QUEUE_FULL_YOUNG, full._replace(qlen=2, young=2), 2)
        yield Situation(When.ACCEPT_QUEUE_FULL_ACK, tcp_check_req(full, environment, behaviour))
    limit = listener.max_ack_backlog if prediction.syn_limit is None else prediction.syn_limit
    yield syn(When.SYN_QUEUE_FULL, listener._replace(qlen=limit))
    quarters = first_quarters(environment.max_syn_backlog)
    if not environment.syncookies and quarters < limit:
        yield syn(When.LAST_QUARTER, listener._replace(qlen=quarters), quarters)
