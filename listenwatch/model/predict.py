"""All outcomes the inputs allow, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import Environment, Knowledge, Request, Socket
from listenwatch.model.run import Outcome, Run, Sock
from listenwatch.model.socket_c import sys_listen

Inputs = tuple[Request, Socket, Environment, Behaviour, Knowledge]


def predict(
    request: Request,
    pre: Socket,
    environment: Environment,
    behaviour: Behaviour,
    knowledge: Knowledge,
) -> Iterator[Outcome]:
    """Every outcome of the call that the inputs allow, made one at a time.

    Runs the model once for each combination of what the inputs leave open (is the port free?).
    Raises ``Unmodelled`` for a kind of socket the model does not describe.
    """
    inputs = (request, pre, environment, behaviour, knowledge)
    choices: tuple[int, ...] | None = ()
    while choices is not None:
        outcome, choices = _run(inputs, choices)
        yield outcome


@lru_cache(maxsize=1024)
def _run(inputs: Inputs, choices: tuple[int, ...]) -> tuple[Outcome, tuple[int, ...] | None]:
    """One outcome, and the choices that lead to the next one."""
    run = Run(*inputs, choices)
    pre = run.pre
    sk = Sock(pre.state, pre.socket_state, pre.max_ack_backlog, pre.ack_backlog, bool(pre.bound))
    result = sys_listen(run, sk)
    outcome = Outcome(
        run.rule,
        run.backlog_rule,
        result,
        run.stages,
        sk if pre.seen else None,
        run.subflow,
        tuple(run.steps),
    )
    return outcome, _next_choices(run.taken)


def _next_choices(taken: list[tuple[int, int]]) -> tuple[int, ...] | None:
    """The script after this one, as an odometer turns: the last choice with an option left moves on."""
    for position in range(len(taken) - 1, -1, -1):
        option, options = taken[position]
        if option + 1 < options:
            return (*(chosen for chosen, _ in taken[:position]), option + 1)
    return None
