"""What the model says of measured traffic, held against what was seen. Runs where the judging is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.queue_rules import Answer
from listenwatch.model.queues import (
    Fate,
    Listener,
    accept_queue_capacity,
    fate_of_final_ack,
    fate_of_syn,
    fate_of_unix_connect,
)
from listenwatch.model.run import Outcome
from listenwatch.model.syn_queue import reqsk_queue_alloc
from listenwatch.scenarios.journal import Measurement
from listenwatch.scenarios.queues import measure
from listenwatch.verdict import Difference


class Expected(NamedTuple):
    """What is to be seen, by name (None: not known), the counters that move, and the rules that say so."""

    seen: dict[str, int | str | None]
    counters: Counter[str]
    rules: tuple[str, ...]


class Checked(NamedTuple):
    """Every difference, and in words each measurement that came as the model said."""

    differences: tuple[Difference, ...] = ()
    agreed: tuple[str, ...] = ()


def compare(
    measured: Sequence[Measurement], outcome: Outcome | None, behaviour: Behaviour
) -> Checked:
    """Hold each measurement against the model, which starts from the limit it said listen() stores."""
    sock = outcome and (outcome.subflow or outcome.socket)
    if not sock:
        return Checked()
    differences: list[Difference] = []
    agreed = []
    for measurement in measured:
        expected = EXPECT[measurement.what](measurement, sock.max_ack_backlog, behaviour)
        found = tuple(_differences(measurement, expected))
        differences += found
        if not found:
            agreed.append(_told(measurement, expected))
    return Checked(tuple(differences), tuple(agreed))


def _differences(measurement: Measurement, expected: Expected) -> Iterator[Difference]:
    rules = ", ".join(expected.rules)
    load = f"{measurement.load} × {measurement.what}"
    for name, number in expected.seen.items():
        if number is not None and number != measurement.seen.get(name):
            seen = str(measurement.seen.get(name))
            yield Difference(f"{load}: {name} ({rules})", str(number), seen)
    if measurement.counters is None or None in expected.seen.values():
        return
    for name in sorted({*measurement.counters, *expected.counters}):
        moved = measurement.counters.get(name, 0)
        if moved != expected.counters[name]:
            yield Difference(f"{load}: {name} ({rules})", str(expected.counters[name]), str(moved))


def _told(measurement: Measurement, expected: Expected) -> str:
    counters = (f"{name} +{number}" for name, number in (measurement.counters or {}).items())
    seen = (f"{name} {number}" for name, number in measurement.seen.items() if number)
    return (
        f"{measurement.load} × {measurement.what} as predicted: {', '.join((*seen, *counters))} "
        f"({', '.join(expected.rules)})"
    )


def _fold(
    load: int, fate_of_next: Callable[[Counter[str]], Fate], answers: Sequence[Answer]
) -> Expected:
    """The fates of so many packets one after another, each with what became of those before it."""
    seen, counters = Counter({a.name: 0 for a in answers}), Counter[str]()
    rules: dict[str, None] = {}
    for _ in range(load):
        fate = fate_of_next(seen)
        if fate.answer is Answer.UNKNOWN:
            return Expected({a.name: None for a in answers}, counters, (fate.rule.value,))
        seen[fate.answer.name] += 1
        counters.update(fate.counters)
        rules[fate.rule.value] = None
    return Expected(dict(seen), counters, tuple(rules))


def _listener(
    m: Measurement, limit: int, behaviour: Behaviour, accept_queue: int, syn_queue: int
) -> Listener:
    # Nothing is measured so slowly that a SYN-ACK had to be sent again: every request is young.
    table = reqsk_queue_alloc(limit, m.environment.max_syn_backlog, behaviour)
    return Listener(limit, accept_queue, syn_queue, young=syn_queue, table=table)


def _ack(listener: Listener, m: Measurement, behaviour: Behaviour, *, cookie: bool) -> Fate:
    fate = fate_of_final_ack(listener, m.environment, behaviour, cookie=cookie)
    # cookie_v4_check(), net/ipv4/syncookies.c, counts a good cookie before it looks at the queue.
    return fate._replace(counters=("SyncookiesRecv", *fate.counters)) if cookie else fate


def _handshake(m: Measurement, limit: int, behaviour: Behaviour, accept_queue: int) -> Fate:
    """A whole one: the fate of its SYN, or if that was answered of its final ACK; all the counters."""
    listener = _listener(m, limit, behaviour, accept_queue, m.syn_queue)
    syn = fate_of_syn(listener, m.environment, behaviour, proven=m.proven)
    if syn.answer not in (Answer.SYN_ACK, Answer.COOKIE):
        return syn
    ack = _ack(listener, m, behaviour, cookie=syn.answer is Answer.COOKIE)
    return ack._replace(counters=syn.counters + ack.counters)


def _connections(m: Measurement, limit: int, behaviour: Behaviour) -> Expected:
    held = max(m.accept_queue, accept_queue_capacity(limit, behaviour))
    counters = Counter[str]()
    for accept_queue in range(m.accept_queue, held):
        counters.update(_handshake(m, limit, behaviour, accept_queue).counters)
    last = _handshake(m, limit, behaviour, held)
    counters.update(last.counters)
    return _filled(held, last, counters)


def _unix_connections(m: Measurement, limit: int, behaviour: Behaviour) -> Expected:
    held = max(m.accept_queue, accept_queue_capacity(limit, behaviour))
    return _filled(held, fate_of_unix_connect(held, limit, nonblocking=True), Counter())


def _filled(held: int, fate: Fate, counters: Counter[str]) -> Expected:
    last = None if fate.answer is Answer.UNKNOWN else fate.answer.name
    return Expected({measure.HELD: held, measure.NEXT: last}, counters, (fate.rule.value,))


def _syns(m: Measurement, limit: int, behaviour: Behaviour) -> Expected:
    def fate_of_next(seen: Counter[str]) -> Fate:
        syn_queue = m.syn_queue + seen[Answer.SYN_ACK.name]
        listener = _listener(m, limit, behaviour, m.accept_queue, syn_queue)
        return fate_of_syn(listener, m.environment, behaviour, proven=m.proven)

    return _fold(m.load, fate_of_next, (Answer.SYN_ACK, Answer.COOKIE, Answer.DROPPED))


def _final_acks(m: Measurement, limit: int, behaviour: Behaviour) -> Expected:
    def fate_of_next(seen: Counter[str]) -> Fate:
        accept_queue = m.accept_queue + seen[Answer.QUEUED.name]
        listener = _listener(m, limit, behaviour, accept_queue, m.syn_queue)
        return _ack(listener, m, behaviour, cookie=m.cookie)

    return _fold(m.load, fate_of_next, (Answer.QUEUED, Answer.IGNORED, Answer.RESET))


def _syn_again(m: Measurement, limit: int, behaviour: Behaviour) -> Expected:
    fate = _handshake(m, limit, behaviour, m.accept_queue)
    queued = None if fate.answer is Answer.UNKNOWN else int(fate.answer is Answer.QUEUED)
    return Expected({Answer.QUEUED.name: queued}, Counter(), (fate.rule.value,))


def _accepted(m: Measurement, limit: int, behaviour: Behaviour) -> Expected:
    """listen() on a listener changes the limit and nothing else (``__inet_listen_sk()``)."""
    return Expected({measure.ACCEPTED: m.accept_queue}, Counter(), ("relistens",))


def _shutdown(m: Measurement, limit: int, behaviour: Behaviour) -> Expected:
    """``inet_csk_listen_stop()``, net/ipv4/inet_connection_sock.c, resets every child nobody accepted."""
    return Expected({Answer.RESET.name: m.accept_queue}, Counter(), ("inet_csk_listen_stop",))


EXPECT: dict[str, Callable[[Measurement, int, Behaviour], Expected]] = {
    measure.CONNECT: _connections,
    measure.UNIX_CONNECT: _unix_connections,
    measure.SYN: _syns,
    measure.FINAL_ACK: _final_acks,
    measure.SYN_AGAIN: _syn_again,
    measure.ACCEPT: _accepted,
    measure.SHUTDOWN: _shutdown,
}
"""What was measured, by its name, and the function that says what is to be seen."""
