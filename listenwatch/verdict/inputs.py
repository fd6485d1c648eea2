"""The inputs a call may have met: what others moved between the look at its entry and the kernel's own.

The probe reads the inputs as a call enters the kernel; the kernel reads them later, somaxconn in
``__sys_listen()`` and the socket under its lock. Meanwhile root may write the sysctl, whoever else has the
socket may call connect(), bind() or shutdown(), and a peer may move a connection on.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

from listenwatch.call.record import Flag, ListenCall, is_mptcp
from listenwatch.call.unseen import unseen_fields
from listenwatch.model.inputs import Environment, Request, Socket, SocketState, TcpState
from listenwatch.model.run import Outcome
from listenwatch.model.stages import StageIndex
from listenwatch.verdict.difference import Difference, Field, Where
from listenwatch.verdict.excuses import missed_returns
from listenwatch.verdict.moving import is_connection, peer_may_move, peer_may_unbind

SOMAXCONN = "somaxconn"
_SHARED = Flag.SHARED_TABLE | Flag.SHARED_FILE
_UNLOCKED = (StageIndex.SECURITY, StageIndex.SECURITY_RETURN, StageIndex.INET_LISTEN)
"""What is seen here the kernel has not used yet: it locks the socket afterwards."""
_LOCKED = (StageIndex.INET_LISTEN_SK, StageIndex.LISTEN_START)
_OF_MPTCP = (StageIndex.SECURITY, StageIndex.SECURITY_RETURN)
"""Where the MPTCP socket itself is seen, and not its subflow."""
_OF_SUBFLOW = ("subflow_state", "subflow_local_port", "subflow_max_ack_backlog")
_NO_SOCKET = 0xFF
_INT_MAX = (1 << 31) - 1
LONG_NS = 10_000_000
"""A call that lasts as long was stopped: a hypervisor took the processor away, if the kernel did not."""


class Moved(NamedTuple):
    """An input that moved during the call: a field of Environment or Socket, the values it was seen to have in their
    order, and the one that explains what the kernel did.
    """

    input: str
    seen: tuple[int, ...]
    used: int


class Met(NamedTuple):
    """Inputs that the kernel may have met, and which of them moved."""

    request: Request
    pre: Socket
    environment: Environment
    moved: tuple[Moved, ...] = ()


def seen_otherwise(call: ListenCall) -> Iterator[Met]:
    """Every combination of values that inputs were seen to have; none where nothing was seen to move.

    Those come first in which state and socket state were seen together.
    """
    seen = {name: values for name, values in _seen(call).items() if len(values) > 1}
    if not seen:
        return
    pre = call.pre
    together = {(pre.state, pre.socket_state), *_looks(call)}

    def apart(values: dict[str, int]) -> bool:
        return (values.get("state", pre.state), values.get("socket_state", pre.socket_state)) not in together

    for values in sorted((dict(zip(seen, used, strict=True)) for used in product(*seen.values())), key=apart):
        moved = tuple(Moved(name, tuple(seen[name]), value) for name, value in values.items())
        yield _with(call, values, call.request)._replace(moved=moved)


def possible(call: ListenCall) -> Iterator[Met]:
    """Every combination of values that inputs may have had, seen or not, if somebody moved them and back again."""
    values = {name: list(seen) for name, seen in _seen(call).items()}
    requests = [call.request]
    if call.flags & _SHARED:
        values["state"] += [TcpState.CLOSE, TcpState.SYN_SENT]
        values["socket_state"] += [SocketState.UNCONNECTED, SocketState.CONNECTING]
        values["bound"] += [0, 1]
    elif is_connection(call.pre.state):
        values["state"].append(TcpState.CLOSE)
    if call.flags & Flag.SHARED_TABLE:
        requests += [call.request._replace(is_file=False, is_socket=False), call.request._replace(is_socket=False)]
    if call.flags & (Flag.SOMAXCONN_MOVES | Flag.SWITCHED) or call.duration_ns >= LONG_NS:
        values[SOMAXCONN] += _stored_by(call)
    distinct = [list(dict.fromkeys(options)) for options in values.values()]
    if len(requests) == 1 and all(len(options) == 1 for options in distinct):
        return
    for request in requests:
        for used in product(*distinct):
            yield _with(call, dict(zip(values, used, strict=True)), request)


def is_unlocked_look(difference: Difference, call: ListenCall) -> bool:
    """Whether only a state differs that the kernel had not used yet: one of its inputs, seen at another moment."""
    place, state, before = difference.place, difference.observed, call.pre.state
    if difference.field is not Field.STATE or place not in _UNLOCKED or not isinstance(state, int):
        return False
    return bool(call.flags & _SHARED) or (is_connection(before) and peer_may_move(before, state))


def is_bound_later(difference: Difference, call: ListenCall, outcome: Outcome) -> bool:
    """Whether somebody else bound a socket on which listen() had been refused."""
    bound = difference.field is Field.BOUND and bool(difference.observed)
    return bound and outcome.result != 0 and bool(call.flags & _SHARED)


def is_explained(difference: Difference, call: ListenCall) -> bool:
    """Whether others may have caused this difference by what they did before or after the kernel held the socket.

    Making it listen is not among that: who else calls listen() is seen (``Flag.CONTENDED``).
    """
    place, field = difference.place, difference.field
    if field is Field.REACHED:
        return place in missed_returns(call)
    if call.flags & _SHARED and place in (Where.POST, Where.SUBFLOW, StageIndex.INET_LISTEN_RETURN):
        gone = place is Where.SUBFLOW and not call.post.subflow_state
        return field in (Field.BOUND, Field.LOCAL_PORT) or (field is Field.STATE and difference.observed != TcpState.LISTEN) or gone
    return is_unlocked_look(difference, call)


def _with(call: ListenCall, values: dict[str, int], request: Request) -> Met:
    """The call's inputs with these values in place of its own."""
    environment = call.environment._replace(somaxconn=values.get(SOMAXCONN, call.environment.somaxconn))
    pre = call.pre._replace(**{name: value for name, value in values.items() if name != SOMAXCONN})
    if pre.bound != call.pre.bound:
        pre = pre._replace(local_port=call.post.local_port if pre.bound else 0)
    return Met(request, pre, environment)


def _seen(call: ListenCall) -> dict[str, Sequence[int]]:
    """The values each input was seen to have that somebody may have moved, in their order, the first at the entry."""
    pre, post = call.pre, call.post
    seen = {
        SOMAXCONN: [call.environment.somaxconn, call.somaxconn_after],
        "state": [pre.state], "socket_state": [pre.socket_state], "bound": [pre.bound],
    }
    shared, unseen = bool(call.flags & _SHARED), unseen_fields(post)
    if pre.seen and (shared or is_connection(pre.state)):
        looks = list(_looks(call))
        seen["state"] += [state for state, _ in looks if shared or peer_may_move(pre.state, state)]
        if shared:
            seen["socket_state"] += [state for _, state in looks if state != _NO_SOCKET]
        if post.seen and "local_port" not in unseen and (shared or (pre.bound and peer_may_unbind(pre.state, post.state))):
            known = "local_port" not in unseen_fields(pre)
            lost = [0] if shared and known and pre.local_port != post.local_port else []
            seen["bound"] += [*lost, post.bound]
        if shared and is_mptcp(pre) and post.seen and not unseen.intersection(_OF_SUBFLOW):
            for name in _OF_SUBFLOW:
                seen[name] = [getattr(pre, name), getattr(post, name)]
    return {name: tuple(dict.fromkeys(values)) for name, values in seen.items()}


def _looks(call: ListenCall) -> Iterator[tuple[int, int]]:
    """State and socket state of the socket, looked at until the kernel changed it; and after a call that did not."""
    looks = _OF_MPTCP if is_mptcp(call.pre) else (*_UNLOCKED, *_LOCKED)
    for index in looks:
        if stage := call.stages.get(index):
            yield stage.state, stage.socket_state
    if not is_mptcp(call.pre) and (change := call.stages.get(StageIndex.STATE_LISTEN)):
        yield change.value, change.socket_state
    if call.post.seen and call.post.state != TcpState.LISTEN and not {"state", "socket_state"} & unseen_fields(call.post):
        yield call.post.state, call.post.socket_state


def _stored_by(call: ListenCall) -> list[int]:
    """The values of somaxconn that make the kernel use the backlog that was seen."""
    stage, stored = call.stages.get(StageIndex.SECURITY), call.stored
    used = stage.value if stage else stored
    if used is None:
        return [_INT_MAX]
    return [used if used <= _INT_MAX else used - (1 << 32), _INT_MAX]
