"""The numbers the model shares with the kernel and with the probe, each written down once more."""

from __future__ import annotations

from enum import Enum

import pytest

from listenwatch.model.af_inet import (
    TFO_SERVER_ENABLE,
    TFO_SERVER_WO_SOCKOPT1,
    TFO_SERVER_WO_SOCKOPT2,
)
from listenwatch.model.bind_conflict import FASTREUSEPORT_ANY, FASTREUSEPORT_STRICT
from listenwatch.model.inputs import (
    Bound,
    EntryPath,
    Family,
    Knowledge,
    Protocol,
    SocketState,
    SocketType,
    TcpState,
    Ulp,
)
from listenwatch.model.stages import StageIndex
from listenwatch.model.sysctl_net_core import INT_MAX
from tests.helpers.eras import LINUX_7_3

ENUMS: list[tuple[type[Enum], str]] = [
    (EntryPath, "SYSCALL=1 COMPAT=2 IO_URING=3 KERNEL=4 UNKNOWN=5"),
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
    (Bound, "NO=0 YES=1 UNKNOWN=2"),
    (
        StageIndex,
        "SECURITY=0 SECURITY_RETURN=1 INET_LISTEN=2 INET_LISTEN_SK=3 LISTEN_START=4 STATE_LISTEN=5"
        " HASH=6 STATE_CLOSE=7 LISTEN_START_RETURN=8 INET_LISTEN_RETURN=9",
    ),
]
"""Members with their values: of include/linux/socket.h and its like, and of probes/listen.h."""


@pytest.mark.parametrize(("enum", "members"), ENUMS, ids=[enum.__name__ for enum, _ in ENUMS])
def test_members_have_these_values(enum: type[Enum], members: str) -> None:
    assert [f"{m.name}={m.value}" for m in enum] == members.split()


def test_constants_of_the_kernel() -> None:
    """include/net/tcp.h (tcp_fastopen), include/net/inet_hashtables.h, limits of C."""
    flags = (TFO_SERVER_ENABLE, TFO_SERVER_WO_SOCKOPT1, TFO_SERVER_WO_SOCKOPT2)
    assert flags == (0x2, 0x400, 0x800)
    assert (FASTREUSEPORT_ANY, FASTREUSEPORT_STRICT) == (1, 2)
    assert INT_MAX == 2147483647
    assert LINUX_7_3.sys_listen == "__sys_listen_socket"


def test_what_is_known_if_nothing_is_said() -> None:
    assert Knowledge() == Knowledge(None, None, None, 98, None, None)
