"""Connections that nobody accepted: what the model says of them, from the backlog asked for, held against what was seen."""

from collections import Counter
from collections.abc import Iterator
from errno import EAGAIN, ECONNRESET, EINPROGRESS
from typing import NamedTuple

from listenwatch.conformance.standalone.answers import Fill
from listenwatch.conformance.standalone.calls import environment_of
from listenwatch.conformance.standalone.stacks import Stack
from listenwatch.conformance.traffic.measure import CONNECT, UNIX_CONNECT
from listenwatch.model.af_unix import unix_stream_connect
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.gvisor import Gvisor
from listenwatch.model.gvisor_rules import GvisorQueueRule
from listenwatch.model.inputs import (
    Bound,
    EntryPath,
    Environment,
    Family,
    Knowledge,
    Request,
    Socket,
    SocketState,
    TcpState,
)
from listenwatch.model.predict import predict
from listenwatch.model.queue_rules import Response
from listenwatch.model.run import Outcome
from listenwatch.model.tcp_input import Listener, tcp_conn_request
from listenwatch.model.tcp_minisocks import tcp_check_req
from listenwatch.verdict.compare import Verdict, VerdictKind, inconclusive
from listenwatch.verdict.difference import Difference, Traffic
from listenwatch.verdict.excuses import Excuse

LONG_MS = 900
"""A SYN is sent again after a second, and what became of it then is another matter."""
_KNOWN = Knowledge(refusal=0, port_free=True, memory=True, waiting=0, failed_before=False)
_OF_LINUX = ("somaxconn", "syncookies", "max_syn_backlog", "abort_on_overflow")
"""The sysctls that decide what a connection meets."""
_ERRORS = {Response.DROPPED: -EINPROGRESS, Response.RESET: -ECONNRESET, Response.EAGAIN: -EAGAIN}
"""What connect() says of the last attempt; EINPROGRESS: nothing yet."""
_GVISOR_RULES = {
    False: (GvisorQueueRule.QUEUED, GvisorQueueRule.DROPPED),
    True: (GvisorQueueRule.UNIX_QUEUED, GvisorQueueRule.UNIX_EAGAIN),
}
"""Of TCP and of AF_UNIX: with room, and without."""


class Expected(NamedTuple):
    """What is to be seen by name, and the rules that say so; ``seen`` is None where the model does not know."""

    seen: dict[str, int] | None
    rules: tuple[str, ...]


def judge_fill(fill: Fill, stack: Stack, *, is_alone: bool) -> Verdict:
    """The verdict; the counters count only where nobody else has the namespace (``is_alone``)."""
    needed = () if isinstance(stack.behaviour, Gvisor) else _OF_LINUX
    if any(getattr(fill, name) is None for name in needed):
        return inconclusive(Excuse.INPUT_NOT_SEEN)
    verdicts = []
    for outcome in predict(_request(fill), _fresh(fill), environment_of(fill), stack.behaviour, _KNOWN, with_steps=False):
        if outcome.socket is None or outcome.socket.state != TcpState.LISTEN:
            continue
        expected = _expected(fill, outcome, stack)
        if expected.seen is None:
            return inconclusive(Excuse.INPUT_NOT_SEEN)
        differences = tuple(_differences(fill, expected, is_alone=is_alone))
        kind = VerdictKind.DISAGREE if differences else VerdictKind.AGREE
        verdicts.append(Verdict(kind, expected.rules[-1], outcome.backlog_rule.value, differences, outcome))
    agreeing = [verdict for verdict in verdicts if verdict.kind is VerdictKind.AGREE]
    if agreeing or not verdicts:
        return agreeing[0] if agreeing else inconclusive(Excuse.INPUT_NOT_SEEN)
    return inconclusive(Excuse.TOOK_LONG, verdicts[0].differences) if fill.milliseconds >= LONG_MS else verdicts[0]


def _request(fill: Fill) -> Request:
    return Request(EntryPath.SYSCALL, is_file=True, is_socket=True, backlog=fill.asked)


def _fresh(fill: Fill) -> Socket:
    """A socket as it was before its listen(): what was stored earlier makes no difference to its room."""
    fields = dict.fromkeys(Socket._fields, 0) | {"family": fill.family, "type": fill.type, "protocol": fill.protocol}
    fresh = {"state": TcpState.CLOSE, "socket_state": SocketState.UNCONNECTED, "bound": Bound.YES, "local_port": 1, "seen": 1}
    return Socket(**(fields | fresh))


def _differences(fill: Fill, expected: Expected, *, is_alone: bool) -> Iterator[Difference]:
    what = UNIX_CONNECT if fill.family == Family.UNIX else CONNECT
    place = Traffic(fill.attempted, what, expected.rules)
    seen: dict[str, int | None] = {
        "connected": fill.connected, "accepted": fill.accepted, "error": fill.error, "queue": fill.queue,
    }  # fmt: skip
    if is_alone:
        seen |= fill.counters
    for name, number in (expected.seen or {}).items():
        if (observed := seen.get(name)) is not None and observed != number:
            yield Difference(place, name, number, observed)


def _expected(fill: Fill, outcome: Outcome, stack: Stack) -> Expected:
    sock, behaviour = outcome.socket, stack.behaviour
    assert sock
    if isinstance(behaviour, Gvisor):
        return _gvisor(fill, sock.max_ack_backlog + 1)
    if fill.family == Family.UNIX:
        return _unix(fill, sock.max_ack_backlog)
    return _tcp(fill, Listener(sock.max_ack_backlog, table=sock.table), environment_of(fill), behaviour)


def _gvisor(fill: Fill, room: int) -> Expected:
    """As many as have room; no counter that Linux has moves, and TCP_INFO has no queue."""
    connected, is_unix = min(fill.attempted, room), fill.family == Family.UNIX
    is_full = fill.attempted > room
    error = -(EAGAIN if is_unix else EINPROGRESS) if is_full else 0
    rules = tuple(rule.value for rule in _GVISOR_RULES[is_unix][: 2 if is_full else 1])
    return Expected({"connected": connected, "accepted": connected, "error": error}, rules)


def _unix(fill: Fill, limit: int) -> Expected:
    waiting, error = 0, 0
    rules: dict[str, None] = {}
    for _ in range(fill.attempted):
        response = unix_stream_connect(waiting, limit, nonblocking=True)
        waiting += response.response is Response.QUEUED
        error = _ERRORS.get(response.response, 0)
        rules[response.rule.value] = None
    return Expected({"connected": waiting, "accepted": waiting, "error": error}, tuple(rules) or ("none",))


def _tcp(fill: Fill, listener: Listener, environment: Environment, behaviour: Behaviour) -> Expected:
    """Each handshake is over before the next one begins: it is over loopback."""
    counters: Counter[str] = Counter()
    connected = error = 0
    rules: dict[str, None] = {}
    for _ in range(fill.attempted):
        syn = tcp_conn_request(listener, environment, behaviour)
        if syn.response is Response.UNKNOWN:
            return Expected(None, (syn.rule.value,))
        counters.update(syn.counters)
        rules[syn.rule.value], error, waits = None, _ERRORS.get(syn.response, 0), 0
        if syn.response in (Response.SYN_ACK, Response.COOKIE):
            cookie = syn.response is Response.COOKIE
            ack = tcp_check_req(listener, environment, behaviour, cookie=cookie)
            counters.update((*ack.counters, *(("SyncookiesRecv",) if cookie else ())))
            rules[ack.rule.value], error = None, _ERRORS.get(ack.response, 0)
            connected += ack.response is not Response.RESET
            waits = int(ack.response is Response.IGNORED and not cookie)
            listener = listener._replace(ack_backlog=listener.ack_backlog + (ack.response is Response.QUEUED))
        listener = listener._replace(qlen=listener.qlen + waits, young=listener.young + waits)
    waiting = listener.ack_backlog
    seen = {"connected": connected, "accepted": waiting, "queue": waiting, "error": error}
    return Expected(seen | {name: counters[name] for name in fill.counters}, tuple(rules) or ("none",))
