"""Every errno, and which one wins where several apply."""

from __future__ import annotations

from errno import EACCES, EADDRINUSE, EBADF, EINVAL, ENOTSOCK, EOPNOTSUPP, EPERM

import pytest

from listenwatch.model.behaviour import LINUX_7_3
from listenwatch.model.inputs import (
    Door,
    Family,
    Knowledge,
    Request,
    Socket,
    SocketState,
    SocketType,
    TcpState,
    Ulp,
)
from listenwatch.model.predict import predict
from listenwatch.model.rules import BacklogRule, Rule
from listenwatch.model.run import Outcome
from listenwatch.model.socket_c import Unmodelled
from listenwatch.model.stages import StageIndex
from tests.unit.make import FREE, NOTHING, TAKEN, TCP, UDP, UNIX, environment, outcome, outcomes

REFUSED = Knowledge(refusal=-EACCES, port_free=False)
CONNECTED = {"state": TcpState.ESTABLISHED, "socket_state": SocketState.CONNECTED}
TLS_CONNECTED = TCP._replace(**CONNECTED, ulp=Ulp.NO_CLONE)


def call(asked: Request, pre: Socket, knowledge: Knowledge) -> Outcome:
    """The only outcome of this call."""
    (only,) = predict(asked, pre, environment(), LINUX_7_3, knowledge)
    return only


@pytest.mark.parametrize("pre", [NOTHING, UDP, TLS_CONNECTED], ids=["nothing", "udp", "tls"])
def test_a_bad_descriptor_beats_everything(pre: Socket) -> None:
    found = call(Request(Door.SYSCALL, False, False, -1), pre, REFUSED)
    assert (found.result, found.rule) == (-EBADF, Rule.BAD_DESCRIPTOR)
    assert (found.stages, found.backlog_rule) == ({}, BacklogRule.NOT_REACHED)


def test_not_a_socket_beats_the_security_module() -> None:
    found = call(Request(Door.SYSCALL, True, False, -1), NOTHING, REFUSED)
    assert (found.result, found.rule) == (-ENOTSOCK, Rule.NOT_A_SOCKET)
    assert (found.stages, found.socket) == ({}, None)


@pytest.mark.parametrize("pre", [UDP, TLS_CONNECTED, UNIX], ids=["udp", "tls", "unix"])
@pytest.mark.parametrize("error", [EACCES, EPERM])
def test_the_security_module_beats_the_protocol(pre: Socket, error: int) -> None:
    found = outcome(pre, knowledge=Knowledge(refusal=-error, port_free=False))
    assert (found.result, found.rule) == (-error, Rule.SECURITY_REFUSED)
    assert list(found.stages) == [StageIndex.SECURITY, StageIndex.SECURITY_RETURN]
    assert found.stages[StageIndex.SECURITY_RETURN].value == -error
    assert found.socket and found.socket.max_ack_backlog == pre.max_ack_backlog


def test_an_unwatched_security_module_may_refuse() -> None:
    results = [o.result for o in outcomes(TCP, knowledge=Knowledge(port_free=True))]
    assert results == [0, -EACCES, -EPERM]


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        (Family.INET, SocketType.DGRAM),
        (Family.INET6, SocketType.DGRAM),
        (Family.INET, SocketType.RAW),
        (Family.UNIX, SocketType.DGRAM),
        (Family.NETLINK, SocketType.RAW),
        (Family.PACKET, SocketType.DGRAM),
    ],
)
def test_sockets_that_cannot_listen(family: Family, kind: SocketType) -> None:
    pre = TCP._replace(family=family, type=kind, protocol=0, **CONNECTED)
    found = outcome(pre, knowledge=TAKEN)
    assert (found.result, found.rule) == (-EOPNOTSUPP, Rule.NOT_SUPPORTED)


@pytest.mark.parametrize("state", [s for s in SocketState if s is not SocketState.UNCONNECTED])
def test_the_socket_state_beats_sk_state(state: SocketState) -> None:
    found = outcome(TCP._replace(socket_state=state, state=TcpState.CLOSE_WAIT), knowledge=TAKEN)
    assert (found.result, found.rule) == (-EINVAL, Rule.WRONG_SOCKET_STATE)
    assert StageIndex.INET_LISTEN in found.stages
    assert StageIndex.INET_LISTEN_SK not in found.stages
    assert found.stages[StageIndex.INET_LISTEN_RETURN].value == -EINVAL


@pytest.mark.parametrize(
    "state", [s for s in TcpState if s not in (TcpState.CLOSE, TcpState.LISTEN)]
)
def test_only_close_and_listen_may_listen(state: TcpState) -> None:
    found = outcome(TCP._replace(state=state, ulp=Ulp.NO_CLONE), knowledge=TAKEN)
    assert (found.result, found.rule) == (-EINVAL, Rule.WRONG_STATE)
    assert StageIndex.LISTEN_START not in found.stages
    assert found.socket and found.socket.max_ack_backlog == 0


def test_a_protocol_on_top_beats_a_taken_port() -> None:
    found = outcome(TCP._replace(ulp=Ulp.NO_CLONE), knowledge=TAKEN)
    assert (found.result, found.rule) == (-EINVAL, Rule.ULP_REFUSED)
    assert StageIndex.STATE_LISTEN not in found.stages
    assert found.stages[StageIndex.LISTEN_START_RETURN].value == -EINVAL
    assert found.socket and found.socket.max_ack_backlog == 511


def test_a_protocol_on_top_that_clones_may_listen() -> None:
    assert outcome(TCP._replace(ulp=Ulp.CLONES)).result == 0


def test_a_listener_with_a_protocol_on_top_may_listen_again() -> None:
    pre = TCP._replace(ulp=Ulp.NO_CLONE, state=TcpState.LISTEN)
    assert outcome(pre, knowledge=TAKEN).rule is Rule.RELISTENS


def test_a_taken_port_comes_last() -> None:
    assert outcome(TCP, knowledge=TAKEN).result == -EADDRINUSE
    assert outcome(TCP, knowledge=FREE).result == 0


@pytest.mark.parametrize(
    "pre",
    [
        TCP._replace(family=30, protocol=0),
        TCP._replace(protocol=256),
        UNIX._replace(family=99),
    ],
    ids=["tipc", "smc", "unknown"],
)
def test_families_without_a_model_say_so(pre: Socket) -> None:
    with pytest.raises(Unmodelled, match=f"family {pre.family}.*protocol {pre.protocol}"):
        outcomes(pre)


def test_the_security_module_is_asked_before_the_family_matters() -> None:
    found = outcome(TCP._replace(family=40), knowledge=Knowledge(refusal=-EPERM))
    assert found.rule is Rule.SECURITY_REFUSED
