"""What the model says of measured traffic, held against what was seen. Runs where the judging is done."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from listenwatch.conformance.harness.journal import Measurement
from listenwatch.conformance.traffic import measure
from listenwatch.model import tcp_input
from listenwatch.model.af_inet import fastopen_max_qlen
from listenwatch.model.af_unix import unix_stream_connect
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.choices import only_result
from listenwatch.model.queue_rules import Response
from listenwatch.model.request_sock import reqsk_queue_alloc
from listenwatch.model.run import Outcome
from listenwatch.model.sysctl_net_core import somaxconn_of_new_netns, write_somaxconn
from listenwatch.model.tcp_input import Listener, QueueResponse, tcp_conn_request
from listenwatch.model.tcp_minisocks import tcp_check_req
from listenwatch.verdict.difference import Difference, Traffic


class Expected(NamedTuple):
    """What is to be seen, by name (None: not known), the counters that move, and the rules that say so."""

    seen: dict[str, int | str | None]
    counters: Counter[str]
    rules: tuple[str, ...]


class Checked(NamedTuple):
    """Every difference, and each measurement that came as the model said, with the rules that said so."""

    differences: tuple[Difference, ...] = ()
    confirmed: tuple[tuple[Measurement, tuple[str, ...]], ...] = ()


def compare(measured: Sequence[Measurement], outcome: Outcome | None, behaviour: Behaviour) -> Checked:
    """Compare each measurement with the model, which starts from the limit it said listen() stores."""
    sock = outcome and (outcome.subflow or outcome.socket)
    if not sock:
        return Checked()
    differences: list[Difference] = []
    confirmed = []
    for measurement in measured:
        expected = EXPECT[measurement.what](measurement, sock.max_ack_backlog, behaviour)
        if differing := list(_differences(measurement, expected)):
            differences += differing
        else:
            confirmed.append((measurement, expected.rules))
    return Checked(tuple(differences), tuple(confirmed))


def _differences(measurement: Measurement, expected: Expected) -> Iterator[Difference]:
    place = Traffic(measurement.load, measurement.what, expected.rules)
    for name, number in expected.seen.items():
        if number is not None and number != measurement.seen.get(name):
            yield Difference(place, name, number, measurement.seen.get(name))
    if measurement.counters is None or None in expected.seen.values():
        return
    for name in sorted({*measurement.counters, *expected.counters}):
        moved = measurement.counters.get(name, 0)
        if moved != expected.counters[name]:
            yield Difference(place, name, expected.counters[name], moved)


def _fold(
    load: int, next_response: Callable[[Counter[str]], QueueResponse], answers: Sequence[Response]
) -> Expected:
    """The responses of so many packets one after another, each with what became of those before it."""
    seen, counters = Counter({a.name: 0 for a in answers}), Counter[str]()
    rules: dict[str, None] = {}
    for _ in range(load):
        response = next_response(seen)
        if response.response is Response.UNKNOWN:
            return Expected({a.name: None for a in answers}, counters, (response.rule.value,))
        seen[response.response.name] += 1
        counters.update(response.counters)
        rules[response.rule.value] = None
    return Expected(dict(seen), counters, tuple(rules))


def _listener(
    m: Measurement, limit: int, behaviour: Behaviour, accept_queue: int, syn_queue: int
) -> Listener:
    # Nothing is measured so slowly that a SYN-ACK had to be sent again: every request is young.
    table = reqsk_queue_alloc(limit, m.environment.max_syn_backlog, behaviour)
    return Listener(limit, accept_queue, syn_queue, young=syn_queue, table=table)


def _ack(listener: Listener, m: Measurement, behaviour: Behaviour, *, cookie: bool) -> QueueResponse:
    response = tcp_check_req(listener, m.environment, behaviour, cookie=cookie)
    # cookie_v4_check(), net/ipv4/syncookies.c, counts a good cookie before it looks at the queue.
    return response._replace(counters=("SyncookiesRecv", *response.counters)) if cookie else response


def _handshake(m: Measurement, limit: int, behaviour: Behaviour, accept_queue: int) -> QueueResponse:
    """A whole one: the response to its SYN, or if that was answered of its final ACK; all the counters."""
    listener = _listener(m, limit, behaviour, accept_queue, m.syn_queue)
    syn = tcp_conn_request(listener, m.environment, behaviour, proven=m.proven)
    if syn.response not in (Response.SYN_ACK, Response.COOKIE):
        return syn
    ack = _ack(listener, m, behaviour, cookie=syn.response is Response.COOKIE)
    return ack._replace(counters=syn.counters + ack.counters)


def _connections(m: Measurement, limit: int, behaviour: Behaviour) -> Expected:
    held = max(m.accept_queue, tcp_input.accept_queue_capacity(limit, behaviour))
    responses = [_handshake(m, limit, behaviour, length) for length in range(m.accept_queue, held + 1)]
    return _filled(held, responses[-1], Counter(c for response in responses for c in response.counters))


def _unix_connections(m: Measurement, limit: int, behaviour: Behaviour) -> Expected:
    held = max(m.accept_queue, tcp_input.accept_queue_capacity(limit, behaviour))
    return _filled(held, unix_stream_connect(held, limit, nonblocking=True), Counter())


def _filled(held: int, response: QueueResponse, counters: Counter[str]) -> Expected:
    last = None if response.response is Response.UNKNOWN else response.response.name
    return Expected({measure.HELD: held, measure.NEXT: last}, counters, (response.rule.value,))


def _syns(m: Measurement, limit: int, behaviour: Behaviour) -> Expected:
    def next_response(seen: Counter[str]) -> QueueResponse:
        syn_queue = m.syn_queue + seen[Response.SYN_ACK.name]
        listener = _listener(m, limit, behaviour, m.accept_queue, syn_queue)
        return tcp_conn_request(listener, m.environment, behaviour, proven=m.proven)

    return _fold(m.load, next_response, (Response.SYN_ACK, Response.COOKIE, Response.DROPPED))


def _final_acks(m: Measurement, limit: int, behaviour: Behaviour) -> Expected:
    def next_response(seen: Counter[str]) -> QueueResponse:
        accept_queue = m.accept_queue + seen[Response.QUEUED.name]
        listener = _listener(m, limit, behaviour, accept_queue, m.syn_queue)
        return _ack(listener, m, behaviour, cookie=m.cookie)

    return _fold(m.load, next_response, (Response.QUEUED, Response.IGNORED, Response.RESET))


def _syn_again(m: Measurement, limit: int, behaviour: Behaviour) -> Expected:
    response = _handshake(m, limit, behaviour, m.accept_queue)
    queued = None if response.response is Response.UNKNOWN else int(response.response is Response.QUEUED)
    return Expected({Response.QUEUED.name: queued}, Counter(), (response.rule.value,))


def _accepted(m: Measurement, limit: int, behaviour: Behaviour) -> Expected:
    """listen() on a listener changes the limit and nothing else (``__inet_listen_sk()``)."""
    return Expected({measure.ACCEPTED: m.accept_queue}, Counter(), ("relistens",))


def _shutdown(m: Measurement, limit: int, behaviour: Behaviour) -> Expected:
    """``inet_csk_listen_stop()``, net/ipv4/inet_connection_sock.c, resets every child nobody accepted."""
    return Expected({Response.RESET.name: m.accept_queue}, Counter(), ("inet_csk_listen_stop",))


def _somaxconn(m: Measurement, limit: int, behaviour: Behaviour) -> Expected:
    """What a new namespace starts with, and which numbers its somaxconn takes."""
    first = {
        measure.AT_FIRST: only_result(lambda b: somaxconn_of_new_netns(m.environment.somaxconn, b), behaviour),
        measure.COOKIES_AT_FIRST: only_result(lambda b: int(b.syncookies_by_default), behaviour),
    }
    writes = {name: only_result(partial(write_somaxconn, int(name)), behaviour) for name in m.seen if name not in first}
    known = {name: value for name, value in first.items() if name in m.seen}
    return Expected({**known, **writes}, Counter(), ("proc_dointvec_minmax",))


def _fastopen(m: Measurement, limit: int, behaviour: Behaviour) -> Expected:
    """What getsockopt(TCP_FASTOPEN) says of a listener that asked for nothing itself."""
    max_qlen = only_result(lambda b: fastopen_max_qlen(limit, m.environment, b) or 0, behaviour)
    return Expected({measure.LIMIT: max_qlen}, Counter(), ("fastopen_queue_tune",))


EXPECT: dict[str, Callable[[Measurement, int, Behaviour], Expected]] = {
    measure.CONNECT: _connections,
    measure.UNIX_CONNECT: _unix_connections,
    measure.SYN: _syns,
    measure.FINAL_ACK: _final_acks,
    measure.SYN_AGAIN: _syn_again,
    measure.ACCEPT: _accepted,
    measure.SHUTDOWN: _shutdown,
    measure.SOMAXCONN: _somaxconn,
    measure.FASTOPEN: _fastopen,
}
"""What was measured, by its name, and the function that says what is to be seen."""
