"""All outcomes the inputs allow, the likeliest first."""

from collections.abc import Iterator
from functools import lru_cache

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.choices import Choices
from listenwatch.model.gvisor import Gvisor
from listenwatch.model.gvisor import listen as gvisor_listen
from listenwatch.model.inputs import Environment, Knowledge, Request, Socket
from listenwatch.model.run import Outcome, Run, Sock
from listenwatch.model.socket_c import sys_listen
from listenwatch.model.socket_h import Unmodelled

AnyBehaviour = Behaviour | Gvisor
"""A kernel's, or another stack's: which functions make the prediction depends on its kind."""
Inputs = tuple[Request, Socket, Environment, AnyBehaviour, Knowledge]


def predict(
    request: Request, pre: Socket, environment: Environment, behaviour: AnyBehaviour,
    knowledge: Knowledge, *, with_steps: bool = True,
) -> Iterator[Outcome]:
    """Every outcome the inputs allow, one at a time; ``Unmodelled`` for a socket the model does not describe.

    Where only some values of an unknown field describe it, it comes after all outcomes of the others. Without
    ``with_steps`` an outcome does not say which way it came, for whoever only compares.
    """
    inputs = (request, pre, environment, behaviour, knowledge)
    unmodelled: Unmodelled | None = None
    script: tuple[int, ...] | None = ()
    while script is not None:
        outcome, choices = _run(inputs, script, with_steps)
        if isinstance(outcome, Unmodelled):
            unmodelled = outcome
        else:
            yield outcome
        script = choices.next_script()
    if unmodelled is not None:
        raise Unmodelled(*unmodelled.args)


@lru_cache(maxsize=1024)
def _run(inputs: Inputs, script: tuple[int, ...], with_steps: bool) -> tuple[Outcome | Unmodelled, Choices]:
    """One outcome, or why the model has none, and the choices that led to it."""
    choices = Choices(script)
    request, pre, environment, behaviour, knowledge = inputs
    try:
        if isinstance(behaviour, Gvisor):
            return gvisor_listen(request, pre, behaviour, knowledge, choices), choices
        run = Run(request, pre, environment, behaviour, knowledge, choices, with_steps=with_steps)
        return _listened(run), choices
    except Unmodelled as unmodelled:
        return unmodelled, choices


def _listened(run: Run) -> Outcome:
    """What became of a kernel's call."""
    pre = run.pre
    sk = Sock(
        pre.state, pre.socket_state, pre.max_ack_backlog, pre.ack_backlog, bool(pre.bound), pre.local_port
    )
    result = sys_listen(run, sk)
    return Outcome(
        run.rule, run.backlog_rule, result, run.stages, sk if pre.seen else None, run.subflow,
        tuple(run.steps),
    )
