"""Inputs that a look from user space cannot see: every value that each may have had."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from listenwatch.call.record import Flag, ListenCall
from listenwatch.call.unseen import Unseen
from listenwatch.model.inputs import Bound, Socket, SocketState, TcpState, Ulp

_INT_MAX = (1 << 31) - 1
_STATES = (TcpState.CLOSE, TcpState.SYN_SENT, TcpState.ESTABLISHED)
"""Of a socket that does not listen: those that listen() tells apart."""


def completed(call: ListenCall) -> list[ListenCall]:
    """The call with every combination of values its unseen inputs may have had, the likeliest first; itself if there are none."""
    if call.pre.seen <= 1 and not call.flags & Flag.SYSCTLS_UNSEEN:
        return [call]
    pres = [pre for state in _with_states(call.pre) for pre in _completed(state, call)]
    return [_with_somaxconn(call._replace(pre=pre), value) for pre in pres for value in _somaxconns(call)]


def _somaxconns(call: ListenCall) -> Sequence[int | None]:
    """The lowest, the highest and what was stored: they store different limits wherever the sysctl counts."""
    if not call.flags & Flag.SYSCTLS_UNSEEN:
        return (None,)
    return tuple(dict.fromkeys((0, _INT_MAX, min(call.stored or 0, _INT_MAX))))


def _with_somaxconn(call: ListenCall, value: int | None) -> ListenCall:
    if value is None:
        return call
    return call._replace(environment=call.environment._replace(somaxconn=value), somaxconn_after=value)


def _with_states(pre: Socket) -> list[Socket]:
    """What else may have been depends on the state."""
    return [pre._replace(state=state) for state in _STATES] if pre.seen & Unseen.STATE else [pre]


def _completed(pre: Socket, call: ListenCall) -> list[Socket]:
    seen = pre.seen
    options: list[list[Mapping[str, Any]]] = []
    if seen & Unseen.SOCKET_STATE:
        options.append([{"socket_state": state} for state in _socket_states(pre.state)])
    if seen & Unseen.PORT:  # its own, or one that it has lost and getsockname(2) still gives
        own = {"bound": int(Bound.YES), "local_port": pre.source_port}
        options.append([own, {"bound": int(Bound.NO), "local_port": 0}])
    if seen & Unseen.BACKLOGS:  # a call that stores none leaves what was there
        options.append([{"max_ack_backlog": limit} for limit in dict.fromkeys((0, call.post.max_ack_backlog))])
    if seen & Unseen.SUBFLOW:
        states = _subflow_states(pre) if seen & Unseen.SUBFLOW_STATE else (pre.subflow_state,)
        limits = dict.fromkeys((0, call.post.subflow_max_ack_backlog))
        options.append([
            {"subflow_state": state, "subflow_local_port": None, "subflow_max_ack_backlog": limit}
            for state in states for limit in limits
        ])  # fmt: skip
    if seen & Unseen.ULP:
        options.append([{"ulp": ulp} for ulp in (Ulp.CLONES, Ulp.NO_CLONE)])
    return [_replaced(pre, chosen) for chosen in product(*options)]


def _replaced(pre: Socket, chosen: Iterable[Mapping[str, Any]]) -> Socket:
    for values in chosen:
        pre = pre._replace(**values)
    return pre


def _socket_states(state: int) -> tuple[SocketState, ...]:
    if state == TcpState.CLOSE:
        return SocketState.UNCONNECTED, SocketState.CONNECTING, SocketState.CONNECTED
    if state == TcpState.LISTEN:
        return SocketState.UNCONNECTED, SocketState.CONNECTED
    return SocketState.CONNECTING, SocketState.CONNECTED


def _subflow_states(pre: Socket) -> tuple[int, ...]:
    return (TcpState.LISTEN,) if pre.state == TcpState.LISTEN else (0, TcpState.CLOSE)
