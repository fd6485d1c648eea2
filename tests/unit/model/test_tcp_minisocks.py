"""net/ipv4/tcp_minisocks.c: what becomes of the final ACK of a handshake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.kernels import ERAS
from listenwatch.model.queue_rules import QueueRule, Response
from listenwatch.model.tcp_input import (
    Listener,
    QueueResponse,
)
from listenwatch.model.tcp_minisocks import tcp_check_req
from tests.helpers.eras import (
    LINUX_7_3,
)
from tests.helpers.make import sysctls

OVERFLOW = ("ListenOverflows", "ListenDrops")


eras = st.sampled_from([era for _, era in ERAS])


@given(eras)
def test_tcp_check_req(era: Behaviour) -> None:
    full, free = Listener(1, 2), Listener(1, 1)
    env, abort = sysctls(), sysctls(abort=1)
    assert tcp_check_req(free, abort, era) == QueueResponse(Response.QUEUED, QueueRule.ACK_QUEUED)
    assert tcp_check_req(full, env, era) == QueueResponse(Response.IGNORED, QueueRule.ACK_OVERFLOW, OVERFLOW)
    assert tcp_check_req(full, abort, era) == QueueResponse(
        Response.RESET, QueueRule.ACK_RESET, (*OVERFLOW, "EmbryonicRsts")
    )
    assert tcp_check_req(full, abort, era, cookie=True) == QueueResponse(
        Response.IGNORED, QueueRule.ACK_COOKIE_OVERFLOW, OVERFLOW
    )
    assert tcp_check_req(full, abort, era, fastopen=True) == QueueResponse(
        Response.QUEUED, QueueRule.ACK_FASTOPEN
    )


@pytest.mark.parametrize(
    ("waiting", "abort", "cookie", "fate"),
    [
        (5, 1, False, QueueResponse(Response.QUEUED, QueueRule.ACK_QUEUED)),
        (6, 0, False, QueueResponse(Response.IGNORED, QueueRule.ACK_OVERFLOW, OVERFLOW)),
        (6, 1, False, QueueResponse(Response.RESET, QueueRule.ACK_RESET, (*OVERFLOW, "EmbryonicRsts"))),
        (6, 1, True, QueueResponse(Response.IGNORED, QueueRule.ACK_COOKIE_OVERFLOW, OVERFLOW)),
        (5, 1, True, QueueResponse(Response.QUEUED, QueueRule.ACK_QUEUED)),
    ],
)
def test_a_final_ack(waiting: int, abort: int, cookie: bool, fate: QueueResponse) -> None:
    listener, env = Listener(5, waiting), sysctls(abort=abort)
    assert tcp_check_req(listener, env, LINUX_7_3, cookie=cookie) == fate
    assert tcp_check_req(listener, env, LINUX_7_3, cookie=cookie, fastopen=True) == QueueResponse(
        Response.QUEUED, QueueRule.ACK_FASTOPEN
    )
    if not cookie:
        assert tcp_check_req(listener, env, LINUX_7_3) == fate
