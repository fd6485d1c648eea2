"""The model as a calculator: one listen() on a kernel that need not be here, and what comes after it."""

from __future__ import annotations

from typing import NamedTuple

from listenwatch.errors import UsageError
from listenwatch.model.backports import BACKPORTS, Version
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.eras import ERAS, NoEra, behaviour_for, name
from listenwatch.model.inputs import Door, Environment, Knowledge, Request, Socket, TcpState
from listenwatch.model.predict import predict
from listenwatch.model.queues import (
    Fate,
    Listener,
    accept_queue_capacity,
    fate_of_final_ack,
    fate_of_syn,
    fate_of_unix_connect,
    never_full,
)
from listenwatch.model.run import Outcome, Sock
from listenwatch.model.syn_queue import first_quarters, syn_queue_limit
from listenwatch.model.sysctl_net_core import write_somaxconn
from listenwatch.question import Question, environment_of, socket_of

KNOWN = Knowledge(refusal=0, port_free=True, memory=True)


class Meeting(NamedTuple):
    """What a connection meets in one situation."""

    situation: str
    fate: Fate


class Forecast(NamedTuple):
    """The answer for one kernel.

    ``outcome`` is the likeliest, ``others`` what else the inputs allow (a port taken, no memory).
    ``listener`` is empty-handed: nobody waits yet; None where nothing listens.
    """

    version: Version
    behaviour: Behaviour
    question: Question
    environment: Environment
    outcome: Outcome
    others: tuple[Outcome, ...]
    listener: Listener | None
    meetings: tuple[Meeting, ...]
    notes: tuple[str, ...]

    @property
    def sock(self) -> Sock:
        """The socket that listens: of MPTCP, its first subflow."""
        sock = self.outcome.subflow or self.outcome.socket
        assert sock  # the question is always about an open socket
        return sock

    @property
    def capacity(self) -> int | None:
        """Connections that wait for accept(); None: without end, or nothing listens."""
        if not self.listener or never_full(self.listener.max_ack_backlog, self.behaviour):
            return None
        return accept_queue_capacity(self.listener.max_ack_backlog, self.behaviour)

    @property
    def syn_limit(self) -> int | None:
        """Requests that wait before the SYN queue is full; None: not known, or there is none."""
        if not self.listener or self.question.family == "unix":
            return None
        return syn_queue_limit(self.listener.max_ack_backlog, self.listener.table, self.behaviour)


def forecast(version: Version, question: Question) -> Forecast:
    """What listen() stores on this kernel, and what it means to the next connection."""
    try:
        behaviour = behaviour_for(version)
    except NoEra as error:
        eras = ", ".join(name(first) for first, _ in ERAS)
        raise UsageError(f"{error}; eras begin with {eras}") from None
    environment = environment_of(question, behaviour)
    pre, table = socket_of(question), None
    if question.relisten is not None:
        first = _listen(question.relisten, pre, environment, behaviour, KNOWN)[0]
        sock = first.subflow or first.socket
        assert sock
        table = sock.table
        pre = pre._replace(state=TcpState.LISTEN, max_ack_backlog=sock.max_ack_backlog, bound=1)
        if first.subflow:
            pre = pre._replace(
                subflow_state=TcpState.LISTEN,
                subflow_max_ack_backlog=sock.max_ack_backlog,
                max_ack_backlog=0,
            )
    outcome, *others = _listen(
        question.backlog, pre, environment, behaviour, Knowledge(refusal=0)
    )
    sock = outcome.subflow or outcome.socket
    assert sock
    listener = None
    if sock.state == TcpState.LISTEN:
        listener = Listener(sock.max_ack_backlog, table=table or sock.table)
    found = Forecast(
        version,
        behaviour,
        question,
        environment,
        outcome,
        tuple(others),
        listener,
        (),
        notes(version, question, environment, behaviour),
    )
    return found._replace(meetings=tuple(meetings(found)))


def _listen(
    backlog: int, pre: Socket, environment: Environment, behaviour: Behaviour, known: Knowledge
) -> list[Outcome]:
    request = Request(Door.SYSCALL, is_file=True, is_socket=True, backlog=backlog)
    return list(predict(request, pre, environment, behaviour, known))


def meetings(found: Forecast) -> list[Meeting]:
    """What the next connection meets when each queue is full."""
    listener, environment, behaviour = found.listener, found.environment, found.behaviour
    if not listener:
        return []
    capacity = found.capacity
    if found.question.family == "unix":
        full = accept_queue_capacity(listener.max_ack_backlog, behaviour)
        return [
            Meeting(f"queue full, connect() {how}", fate_of_unix_connect(full, full - 1, nonblocking=now))
            for how, now in (("non-blocking", True), ("blocking", False))
        ]
    met = []
    if capacity is not None:
        full_acceptq = listener._replace(ack_backlog=capacity)
        met.append(Meeting("accept queue full, SYN", fate_of_syn(full_acceptq, environment, behaviour)))
        if not behaviour.full_acceptq_drops_every_syn:
            young = full_acceptq._replace(qlen=2, young=2)
            fate = fate_of_syn(young, environment, behaviour)
            met.append(Meeting("accept queue full, 2 young requests, SYN", fate))
        ack = fate_of_final_ack(full_acceptq, environment, behaviour)
        met.append(Meeting("accept queue full, final ACK", ack))
    limit = found.syn_limit
    if limit is None:
        limit = listener.max_ack_backlog
    full_synq = listener._replace(qlen=limit)
    met.append(Meeting("SYN queue full, SYN", fate_of_syn(full_synq, environment, behaviour)))
    quarters = first_quarters(environment.max_syn_backlog)
    if not environment.syncookies and quarters < limit:
        late = listener._replace(qlen=quarters)
        fate = fate_of_syn(late, environment, behaviour)
        met.append(Meeting(f"{quarters} requests wait, SYN of a new peer", fate))
    return met


def notes(
    version: Version, question: Question, environment: Environment, behaviour: Behaviour
) -> tuple[str, ...]:
    """What the numbers do not say: what was assumed, and what other releases of the series do."""
    told = []
    if write_somaxconn(environment.somaxconn, behaviour):
        told.append(
            f"net.core.somaxconn cannot be {environment.somaxconn} here: writing it answers EINVAL"
        )
    unknown = [field for field, value in behaviour._asdict().items() if value is None]
    if unknown:
        told.append(f"not known of this release: {', '.join(unknown)}")
    later = [
        f"{backport.field} {'yes' if span.value else 'no'} from {name((*span.series, span.first))}"
        for backport in BACKPORTS
        for span in backport.spans
        if span.series == version[:2] and span.first > version[2] and span.value is not None
    ]
    if later:
        told.append(f"stable releases of this series differ: {', '.join(later)}")
    if version > ERAS[-1][0] and version[:2] > (7, 3):
        told.append("newer than any kernel the model was read from (7.3)")
    return tuple(told)
