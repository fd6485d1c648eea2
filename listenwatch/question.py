"""What the calculator is asked: a call on a socket that need not exist, in a namespace that need not either."""

from __future__ import annotations

from typing import NamedTuple

from listenwatch.model.behaviour import Behaviour
from listenwatch.model.inputs import (
    Environment,
    Family,
    Protocol,
    Socket,
    SocketState,
    SocketType,
    TcpState,
    Ulp,
)

FAMILIES = {
    "tcp": (Family.INET, Protocol.TCP),
    "tcp6": (Family.INET6, Protocol.TCP),
    "mptcp": (Family.INET, Protocol.MPTCP),
    "unix": (Family.UNIX, 0),
}


class Question(NamedTuple):
    """What is asked of the model. None stands for the default of the kernel that is asked about."""

    backlog: int
    family: str = "tcp"
    somaxconn: int | None = None
    syncookies: int | None = None
    max_syn_backlog: int = 1024
    abort_on_overflow: int = 0
    fastopen: int = 1
    relisten: int | None = None
    bound: bool = True


def environment_of(question: Question, behaviour: Behaviour) -> Environment:
    """The sysctls asked about, those not given as the kernel starts with them."""
    asked = question.somaxconn, question.syncookies
    somaxconn = behaviour.somaxconn_default if asked[0] is None else asked[0]
    syncookies = int(behaviour.syncookies_by_default) if asked[1] is None else asked[1]
    return Environment(
        somaxconn,
        question.max_syn_backlog,
        syncookies,
        question.fastopen,
        question.abort_on_overflow,
    )


def socket_of(question: Question) -> Socket:
    """A fresh socket of the family asked about."""
    family, protocol = FAMILIES[question.family]
    fresh = dict.fromkeys(Socket._fields, 0)
    fresh |= {"family": family, "type": SocketType.STREAM, "protocol": protocol, "seen": 1}
    fresh |= {"state": TcpState.CLOSE, "socket_state": SocketState.UNCONNECTED, "ulp": Ulp.NONE}
    return Socket(**fresh)._replace(bound=int(question.bound))
