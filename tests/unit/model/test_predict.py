"""predict() as a whole: a set of outcomes, the same every time, made without the outcome."""

from __future__ import annotations

import inspect
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.choices import Choices
from listenwatch.model.inputs import (
    Environment,
    Knowledge,
    Request,
    Socket,
    TcpState,
)
from listenwatch.model.predict import AnyBehaviour, predict
from listenwatch.model.rules import Rule
from listenwatch.model.stages import StageIndex
from tests.helpers.eras import (
    LINUX_7_3,
)
from tests.helpers.make import (
    FREE,
    NOTHING,
    TCP,
    UNBOUND,
    behaviours,
    environments,
    frozen,
    outcomes,
    request,
    requests,
    sockets,
)

unsure = behaviours.map(
    lambda b: b.replace(
        ulp_without_clone_refused=None,
        unix_wrong_state_listens=None,
        port_failure_returns_0=None,
        get_port_errno_passed_on=None,
        mptcp_checks_socket_state=None,
    )
)
maybe = st.sampled_from([None, True, False])
knowledges = st.builds(
    Knowledge, st.sampled_from([None, 0, -1, -13]), maybe, maybe, st.sampled_from([98, 22])
)
anything = (
    requests,
    sockets().flatmap(lambda s: st.sampled_from([s, s._replace(reuseport=1)])),
    environments,
    behaviours | unsure,
    knowledges,
)


def test_predict_never_receives_the_outcome() -> None:
    taken = inspect.get_annotations(predict, eval_str=True)
    assert taken.pop("return") and taken.pop("with_steps") is bool
    assert list(taken.values()) == [Request, Socket, Environment, AnyBehaviour, Knowledge]
    words = {name for kind in taken.values() for name in getattr(kind, "_fields", ())}
    assert not words & {"result", "post", "stages", "verdict", "outcome"}


@given(*anything)
def test_there_is_an_outcome_and_none_twice(
    asked: Request, pre: Socket, env: Environment, behaviour: Behaviour, known: Knowledge
) -> None:
    found = [frozen(o) for o in predict(asked, pre, env, behaviour, known)]
    assert found
    assert all(one != other for one, other in combinations(found, 2))


@given(*anything)
def test_predict_is_deterministic(
    asked: Request, pre: Socket, env: Environment, behaviour: Behaviour, known: Knowledge
) -> None:
    first = [frozen(o) for o in predict(asked, pre, env, behaviour, known)]
    assert [frozen(o) for o in predict(asked, pre, env, behaviour, known)] == first


@given(*anything)
def test_what_holds_for_every_outcome(
    asked: Request, pre: Socket, env: Environment, behaviour: Behaviour, known: Knowledge
) -> None:
    for o in predict(asked, pre, env, behaviour, known):
        assert -4096 < o.result <= 0
        assert list(o.stages) == sorted(o.stages)
        assert o.socket
        listener = o.subflow or o.socket
        if o.result == 0 and o.rule not in (Rule.UNIX_WRONG_STATE_IGNORED, Rule.PORT_FAILURE_LOST):
            assert listener.state == o.socket.state == TcpState.LISTEN
            assert o.socket.bound or o.rule is Rule.RELISTENS
        elif pre.state != TcpState.LISTEN and not o.subflow:
            assert listener.state == pre.state
        if StageIndex.STATE_CLOSE in o.stages:
            assert o.result or o.rule is Rule.PORT_FAILURE_LOST
        assert 0 <= listener.max_ack_backlog < 2**32
        assert all(0 <= s.max_ack_backlog < 2**32 for s in o.stages.values())


@given(*anything)
def test_knowing_more_leaves_fewer_outcomes(
    asked: Request, pre: Socket, env: Environment, behaviour: Behaviour, known: Knowledge
) -> None:
    """Every outcome of what is known is among those of knowing nothing; no knowledge invents one."""
    nothing = Knowledge(port_errno=known.port_errno)
    everything = {frozen(o) for o in predict(asked, pre, env, behaviour, nothing)}
    assert {frozen(o) for o in predict(asked, pre, env, behaviour, known)} <= everything


def test_the_likeliest_outcome_comes_first() -> None:
    assert outcomes(TCP, knowledge=Knowledge())[0].rule is Rule.LISTENS
    assert outcomes(UNBOUND, knowledge=Knowledge())[0].rule is Rule.AUTOBINDS


@pytest.mark.parametrize(
    ("taken", "script"),
    [
        ([], None),
        ([(0, 3), (0, 2)], (0, 1)),
        ([(0, 3), (1, 2)], (1,)),
        ([(2, 3), (1, 2)], None),
    ],
)
def test_choices_turn_like_an_odometer(
    taken: list[tuple[int, int]], script: tuple[int, ...] | None
) -> None:
    choices = Choices()
    choices.taken = taken
    assert choices.next_script() == script


@given(*anything)
def test_every_combination_of_choices_is_tried_once(
    asked: Request, pre: Socket, env: Environment, behaviour: Behaviour, known: Knowledge
) -> None:
    found = list(predict(asked, pre, env, behaviour, known))
    assert len(found) <= 3 * 2 * 2 * 3
    if None not in known and not pre.reuseport and not behaviour.unknown:
        assert len(found) == 1


def test_a_socket_nobody_saw_has_no_fields_afterwards() -> None:
    (found,) = predict(
        request(5)._replace(is_file=False), NOTHING, Environment(0, 0, 0, 0, 0), LINUX_7_3, FREE
    )
    assert found.socket is None and found.subflow is None and found.steps == ()
