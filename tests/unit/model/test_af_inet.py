"""net/ipv4/af_inet.c: the states that may listen, and fast open without a socket option."""

from __future__ import annotations

from errno import (
    EINVAL,
    ENOMEM,
)

import pytest

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import (
    EntryPath,
    Environment,
    Socket,
    SocketState,
    TcpState,
    Ulp,
)
from listenwatch.model.predict import predict
from listenwatch.model.rules import Rule
from listenwatch.model.stages import StageIndex
from tests.helpers.eras import (
    LINUX_2_6_20,
    LINUX_3_8,
    LINUX_4_6,
    LINUX_7_3,
)
from tests.helpers.make import (
    FREE,
    TAKEN,
    TCP,
    outcome,
    request,
)


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


def test_a_listener_with_a_protocol_on_top_may_listen_again() -> None:
    pre = TCP._replace(ulp=Ulp.NO_CLONE, state=TcpState.LISTEN)
    assert outcome(pre, knowledge=TAKEN).rule is Rule.RELISTENS


CLOSE, LISTEN = TcpState.CLOSE, TcpState.LISTEN
LEFT_OVER = TCP._replace(max_ack_backlog=7, ack_backlog=2)


def test_a_state_that_may_not_listen_stays() -> None:
    found = outcome(LEFT_OVER._replace(state=TcpState.SYN_SENT))
    assert (found.result, found.rule) == (-EINVAL, Rule.WRONG_STATE)
    assert found.socket and (found.socket.state, found.socket.max_ack_backlog) == (
        TcpState.SYN_SENT,
        7,
    )


def fast_open(flags: int, behaviour: Behaviour, pre: Socket = TCP, somaxconn: int = 4096) -> int:
    """The limit a listen(511) sets under these bits of tcp_fastopen."""
    environment = Environment(somaxconn=somaxconn, max_syn_backlog=1024, syncookies=1, fastopen=flags, abort_on_overflow=0)
    found = list(predict(request(511), pre, environment, behaviour, FREE))
    (only,) = found
    assert only.socket is not None and only.result == 0
    limit = only.socket.fastopen_max_qlen
    told = [s for s in only.steps if s.function == "fastopen_queue"]
    assert len(told) == (limit > 0)
    assert [step.operands for step in told] == ([(limit,)] if limit else [])
    return limit


TUNES, TUNES_EITHER, ALLOCATES = LINUX_7_3, LINUX_4_6, LINUX_3_8


@pytest.mark.parametrize(
    ("flags", "new", "either", "allocates", "none"),
    [
        (0x402, 511, 511, 511, 0),
        (0x400, 0, 0, 0, 0),
        (0x002, 0, 0, 0, 0),
        (0x003, 0, 0, 0, 0),
        (0x0, 0, 0, 0, 0),
        (0x0021_0802, 0, 33, 33, 0),
        (0x0021_0800, 0, 0, 0, 0),
        (0x0021_0C02, 511, 511, 511, 0),
        (0x0021_0202, 0, 0, 0, 0),
        (0x7FFF_0802, 0, 4096, 32767, 0),
        (0x1001_0802, 0, 4096, 4097, 0),
        (0x8001_0802 - 2**32, 0, 4096, 0x8001, 0),
    ],
)
def test_which_limit_fast_open_gets(
    flags: int, new: int, either: int, allocates: int, none: int
) -> None:
    assert fast_open(flags, TUNES) == new
    assert fast_open(flags, TUNES_EITHER) == either
    assert fast_open(flags, ALLOCATES) == allocates
    assert fast_open(flags, LINUX_2_6_20) == none


def test_fast_open_is_tuned_to_somaxconn_and_not_by_a_later_listen() -> None:
    assert fast_open(0x402, TUNES, somaxconn=100) == 100
    assert fast_open(0x402, TUNES, TCP._replace(state=LISTEN)) == 0


def test_fast_open_counts_somaxconn_and_backlog_as_unsigned() -> None:
    huge = Environment(somaxconn=-1, max_syn_backlog=1024, syncookies=1, fastopen=0x402, abort_on_overflow=0)
    for backlog, limit in ((-1, 2**32 - 1), (511, 511), (-2, 2**32 - 2)):
        (found,) = predict(request(backlog), TCP, huge, TUNES, FREE)
        assert found.socket and found.socket.fastopen_max_qlen == limit
    small = huge._replace(somaxconn=-2)
    (found,) = predict(request(-1, EntryPath.KERNEL), TCP, small, TUNES, FREE)
    assert found.socket and found.socket.fastopen_max_qlen == 2**32 - 2


def test_fast_open_may_lack_memory_before_4_4() -> None:
    environment = Environment(somaxconn=4096, max_syn_backlog=1024, syncookies=1, fastopen=0x402, abort_on_overflow=0)
    known = FREE._replace(memory=None)
    found = list(predict(request(511), LEFT_OVER, environment, ALLOCATES, known))
    assert [(o.result, o.rule) for o in found] == [
        (0, Rule.LISTENS),
        (-ENOMEM, Rule.NO_MEMORY),
        (-ENOMEM, Rule.FASTOPEN_NO_MEMORY),
    ]
    assert found[2].socket and found[2].socket.fastopen_max_qlen == 0
    assert [o.result for o in predict(request(511), LEFT_OVER, environment, TUNES, known)] == [0]
