"""The numbers and names the model shares with the kernel and with reports, each written down once more."""

from __future__ import annotations

from enum import Enum
from errno import EOPNOTSUPP

import pytest

from listenwatch.model.af_inet import (
    TFO_SERVER_ENABLE,
    TFO_SERVER_WO_SOCKOPT1,
    TFO_SERVER_WO_SOCKOPT2,
)
from listenwatch.model.behaviour import LINUX_7_3
from listenwatch.model.bind_conflict import FASTREUSEPORT_ANY, FASTREUSEPORT_STRICT
from listenwatch.model.families import NO_LISTEN, PROTOCOLS, UNMODELLED, VSOCK, unmodelled
from listenwatch.model.inputs import (
    Door,
    Family,
    Knowledge,
    Protocol,
    SocketState,
    SocketType,
    TcpState,
    Ulp,
)
from listenwatch.model.queue_rules import QueueRule
from listenwatch.model.rules import BacklogRule, Rule
from listenwatch.model.stages import HASH_FUNCTIONS, STAGE_LABELS, StageIndex
from listenwatch.model.sysctl_net_core import INT_MAX
from listenwatch.verdict import Kind
from tests.unit.make import NOTHING, outcome

ENUMS: list[tuple[type[Enum], str]] = [
    (Door, "SYSCALL=1 COMPAT=2 IO_URING=3 KERNEL=4 UNKNOWN=5"),
    (Family, "UNIX=1 INET=2 INET6=10 NETLINK=16 PACKET=17"),
    (SocketType, "STREAM=1 DGRAM=2 RAW=3 SEQPACKET=5"),
    (Protocol, "TCP=6 UDP=17 SCTP=132 UDPLITE=136 MPTCP=262"),
    (
        TcpState,
        "ESTABLISHED=1 SYN_SENT=2 SYN_RECV=3 FIN_WAIT1=4 FIN_WAIT2=5 TIME_WAIT=6 CLOSE=7"
        " CLOSE_WAIT=8 LAST_ACK=9 LISTEN=10 CLOSING=11",
    ),
    (SocketState, "FREE=0 UNCONNECTED=1 CONNECTING=2 CONNECTED=3 DISCONNECTING=4"),
    (Ulp, "NONE=0 CLONES=1 NO_CLONE=2"),
    (
        StageIndex,
        "SECURITY=0 SECURITY_RETURN=1 INET_LISTEN=2 INET_LISTEN_SK=3 LISTEN_START=4 STATE_LISTEN=5"
        " HASH=6 STATE_CLOSE=7 LISTEN_START_RETURN=8 INET_LISTEN_RETURN=9",
    ),
    (
        Kind,
        "AGREE=AGREE DISAGREE=DISAGREE INCONCLUSIVE=INCONCLUSIVE UNMODELLED=UNMODELLED",
    ),
]
"""Members with their values: of include/linux/socket.h and its like, of probes/listen.h, of reports."""


@pytest.mark.parametrize(("enum", "members"), ENUMS, ids=[enum.__name__ for enum, _ in ENUMS])
def test_members_have_these_values(enum: type[Enum], members: str) -> None:
    assert [f"{m.name}={m.value}" for m in enum] == members.split()


@pytest.mark.parametrize("enum", [Rule, QueueRule, BacklogRule])
def test_the_id_of_a_rule_is_its_name(enum: type[Enum]) -> None:
    assert len(enum) > 5
    for rule in enum:
        assert rule.value == rule.name.lower().replace("_", "-")


def test_labels_of_stages() -> None:
    assert [STAGE_LABELS[index] for index in StageIndex] == [
        "security_socket_listen",
        "security_socket_listen returns",
        "inet_listen",
        "__inet_listen_sk",
        "inet_csk_listen_start",
        "state to LISTEN",
        "inet_hash",
        "state back to CLOSE",
        "inet_csk_listen_start returns",
        "inet_listen returns",
    ]
    assert HASH_FUNCTIONS == {1: "inet_hash", 2: "inet6_hash"}


def test_constants_of_the_kernel() -> None:
    """include/net/tcp.h (tcp_fastopen), include/net/inet_hashtables.h, limits of C."""
    flags = (TFO_SERVER_ENABLE, TFO_SERVER_WO_SOCKOPT1, TFO_SERVER_WO_SOCKOPT2)
    assert flags == (0x2, 0x400, 0x800)
    assert (FASTREUSEPORT_ANY, FASTREUSEPORT_STRICT) == (1, 2)
    assert INT_MAX == 2147483647
    assert LINUX_7_3.sys_listen == "__sys_listen_socket"


def test_what_is_known_if_nothing_is_said() -> None:
    assert Knowledge() == (None, None, None, 98)


# -- families (include/linux/socket.h)


def test_families_without_a_listen() -> None:
    assert sorted(NO_LISTEN) == [15, 16, 17, 21, 29, 36, 38, 41, 42, 44, 45]


def test_families_without_a_model() -> None:
    told = "3 4 5 6 8 9 11 12 20 24 26 30 31 32 33 35 37 39 43"
    assert sorted(UNMODELLED) == [int(number) for number in told.split()]
    assert sorted(PROTOCOLS) == [33, 256]
    assert VSOCK == 40
    assert UNMODELLED[33][0] == "AF_RXRPC"
    assert UNMODELLED[43][0] == "AF_SMC"


@pytest.mark.parametrize("family", [15, 16, 17, 21, 29, 36, 38, 41, 42, 44, 45])
def test_a_family_without_a_listen_answers_so(family: int) -> None:
    found = outcome(NOTHING._replace(family=family, type=SocketType.RAW, seen=1))
    assert (found.result, found.rule) == (-EOPNOTSUPP, Rule.NOT_SUPPORTED)


@pytest.mark.parametrize(
    ("family", "protocol", "told"),
    [
        (2, 33, "no model of DCCP (family 2, type 6, protocol 33): it left"),
        (10, 33, "no model of DCCP (family 10, "),
        (10, 256, "no model of SMC (family 10, "),
        (2, 99, "no model of this protocol (family 2, "),
        (33, 33, "no model of AF_RXRPC (family 33, "),
        (1, 33, "no model of this family (family 1, "),
        (3, 256, "no model of AF_AX25 (family 3, "),
        (9, 33, "no model of AF_X25 (family 9, "),
        (11, 33, "no model of AF_ROSE (family 11, "),
    ],
)
def test_protocols_are_told_for_the_internet_families_only(
    family: int, protocol: int, told: str
) -> None:
    assert unmodelled(family, 6, protocol).startswith(told)
