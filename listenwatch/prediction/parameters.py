"""The parameters of a prediction: a call on a socket that need not exist, in a namespace that need not either."""

import re
from typing import NamedTuple

from listenwatch.errors import UsageError
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.history import Version
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
from listenwatch.model.kernels import STARTS, name

FAMILIES = {
    "tcp": (Family.INET, Protocol.TCP),
    "tcp6": (Family.INET6, Protocol.TCP),
    "mptcp": (Family.INET, Protocol.MPTCP),
    "unix": (Family.UNIX, 0),
}

_PORT = 80
"""Of a socket that is bound: any port will do."""


class Parameters(NamedTuple):
    """The call to predict. None stands for the default of the kernel."""

    backlog: int
    family: str = "tcp"
    somaxconn: int | None = None
    syncookies: int | None = None
    max_syn_backlog: int = 1024
    abort_on_overflow: int = 0
    fastopen: int = 1
    relisten: int | None = None
    bound: bool = True


def environment_of(parameters: Parameters, behaviour: Behaviour) -> Environment:
    """The sysctls given, and those not given as the kernel starts with them."""
    somaxconn, syncookies = parameters.somaxconn, parameters.syncookies
    somaxconn = behaviour.somaxconn_default if somaxconn is None else somaxconn
    syncookies = int(behaviour.syncookies_by_default) if syncookies is None else syncookies
    return Environment(
        somaxconn=somaxconn, fastopen=parameters.fastopen,
        max_syn_backlog=parameters.max_syn_backlog, syncookies=syncookies,
        abort_on_overflow=parameters.abort_on_overflow,
    )


def socket_of(parameters: Parameters) -> Socket:
    """A fresh socket of this family; an MPTCP socket is bound through its first subflow."""
    family, protocol = FAMILIES[parameters.family]
    fresh = dict.fromkeys(Socket._fields, 0)
    fresh |= {"family": family, "type": SocketType.STREAM, "protocol": protocol, "seen": 1}
    fresh |= {"state": TcpState.CLOSE, "socket_state": SocketState.UNCONNECTED, "ulp": Ulp.NONE}
    fresh |= {"bound": int(parameters.bound)}
    if parameters.bound and protocol == Protocol.MPTCP:
        fresh |= {"subflow_state": TcpState.CLOSE, "subflow_local_port": _PORT}
    if parameters.bound and family != Family.UNIX:
        fresh |= {"local_port": _PORT}
    return Socket(**fresh)


def version_of(text: str) -> Version:
    """``6.1``, ``6.1.192``, ``v2.6.20``, ``2.6.32.69``; a UsageError that lists the eras for anything else."""
    match = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:[-+].*)?", text.strip(), re.ASCII)
    if not match or (match[1] == "2" and not match[3]) or (match[1] != "2" and match[4]):
        eras = ", ".join(map(name, STARTS))
        raise UsageError(f"no kernel '{text}': give a version or a series; eras begin with {eras}")
    stable = [int(match[4])] if match[4] else []
    return int(match[1]), int(match[2]), int(match[3] or 0), *stable
