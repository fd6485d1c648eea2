"""Builds what the tests talk about: sockets, environments, and the record a kernel obeying the model would send."""

from __future__ import annotations

from enum import Enum

from hypothesis import strategies as st

from listenwatch.model.behaviour import LINUX_7_3, Behaviour
from listenwatch.model.eras import ERAS
from listenwatch.model.inputs import (
    Door,
    Environment,
    Family,
    Knowledge,
    Protocol,
    Request,
    Socket,
    SocketState,
    SocketType,
    TcpState,
    Ulp,
)
from listenwatch.model.predict import predict
from listenwatch.model.run import Outcome
from listenwatch.model.stages import StageIndex
from listenwatch.record import Flag, ListenCall, Stage

ALL_HOOKS = (1 << len(StageIndex)) - 1
FREE = Knowledge(refusal=0, port_free=True, memory=True)
TAKEN = FREE._replace(port_free=False)
INT_MAX = 2**31 - 1


def environment(somaxconn: int = 4096) -> Environment:
    """The sysctls of a namespace; only somaxconn matters to the model."""
    return Environment(somaxconn, 1024, 1, 1, 0)


TCP = Socket(
    max_ack_backlog=0,
    ack_backlog=0,
    subflow_max_ack_backlog=0,
    subflow_ack_backlog=0,
    family=Family.INET,
    type=SocketType.STREAM,
    protocol=Protocol.TCP,
    local_port=8080,
    seen=1,
    state=TcpState.CLOSE,
    socket_state=SocketState.UNCONNECTED,
    bound=1,
    reuse=0,
    reuseport=0,
    ulp=Ulp.NONE,
    subflow_state=0,
)
"""A TCP socket over IPv4, bound and closed."""
TCP6 = TCP._replace(family=Family.INET6)
UNBOUND = TCP._replace(local_port=0, bound=0)
MPTCP = TCP._replace(protocol=Protocol.MPTCP)
UNIX = TCP._replace(family=Family.UNIX, protocol=0, local_port=0)
UDP = TCP._replace(type=SocketType.DGRAM, protocol=Protocol.UDP)
NOTHING = Socket(*[0] * len(Socket._fields))
"""What the record holds where there is no socket."""


def request(backlog: int = 511, door: Door = Door.SYSCALL) -> Request:
    """A call on an open socket."""
    return Request(door, True, True, backlog)


def outcomes(
    pre: Socket = TCP,
    backlog: int = 511,
    *,
    somaxconn: int = 4096,
    behaviour: Behaviour = LINUX_7_3,
    knowledge: Knowledge = FREE,
    door: Door = Door.SYSCALL,
) -> list[Outcome]:
    """Every outcome of one call."""
    return list(predict(request(backlog, door), pre, environment(somaxconn), behaviour, knowledge))


def outcome(
    pre: Socket = TCP,
    backlog: int = 511,
    *,
    somaxconn: int = 4096,
    behaviour: Behaviour = LINUX_7_3,
    knowledge: Knowledge = FREE,
    door: Door = Door.SYSCALL,
) -> Outcome:
    """The only outcome of one call whose inputs decide everything."""
    (only,) = outcomes(
        pre, backlog, somaxconn=somaxconn, behaviour=behaviour, knowledge=knowledge, door=door
    )
    return only


def limits(result: Outcome) -> dict[StageIndex, int]:
    """max_ack_backlog at each stage."""
    return {index: values.max_ack_backlog for index, values in result.stages.items()}


def observe(
    asked: Request, pre: Socket, env: Environment, result: Outcome, hooks: int = ALL_HOOKS
) -> ListenCall:
    """The record of a call that went as ``result`` says."""
    post = NOTHING
    if result.socket is not None:
        sock = result.socket
        post = pre._replace(
            state=sock.state, max_ack_backlog=sock.max_ack_backlog, bound=int(sock.bound)
        )
        if result.subflow is not None:
            post = post._replace(
                subflow_state=result.subflow.state,
                subflow_max_ack_backlog=result.subflow.max_ack_backlog,
            )
    stages: dict[int, Stage] = {
        index: Stage(s.value or 0, s.max_ack_backlog, s.ack_backlog or 0, s.state, 1)
        for index, s in result.stages.items()
        if hooks >> index & 1
    }
    flags = asked.is_file * Flag.FILE | asked.is_socket * Flag.SOCKET | Flag.RETURNED
    return ListenCall(
        time_ns=1,
        duration_ns=1,
        cgroup_id=1,
        socket_cookie=1,
        netns_cookie=1,
        netns_inode=1,
        pid=1,
        tid=1,
        uid=0,
        comm=b"test",
        fd=3,
        backlog=asked.backlog,
        result=result.result,
        door=asked.door,
        flags=flags,
        hooks=hooks,
        environment=env,
        pre=pre,
        post=post,
        stages=stages,
        address=b"",
    )


# -- hypothesis

backlogs = st.integers(-(2**31), INT_MAX) | st.sampled_from([-1, 0, 1, 128, 511, 4096, 65536])
somaxconns = st.integers(0, INT_MAX) | st.sampled_from([0, 128, 4096])
environments = somaxconns.map(environment)
doors = st.sampled_from([Door.SYSCALL, Door.COMPAT, Door.IO_URING, Door.KERNEL])
eras = st.sampled_from([era for _, era in ERAS])
NAMES: dict[str, list[object]] = {
    "max_ack_backlog_bits": [16, 32],
    "somaxconn_default": [128, 4096],
    "sys_listen": ["sys_listen", "__sys_listen", "__sys_listen_socket"],
    "ipv4_hash": ["tcp_v4_hash", "inet_hash"],
    "ipv6_hash": ["tcp_v6_hash", "inet_hash", "inet6_hash"],
    "mptcp_enters": ["inet_listen", "__inet_listen_sk"],
}


def values_of(field: str) -> list[object]:
    """Every value a field of Behaviour has in one era or another; the newest kernel's among them."""
    newest: object = getattr(LINUX_7_3, field)
    if isinstance(newest, Enum):
        return list(type(newest))
    return NAMES.get(field, [True, False])


behaviours: st.SearchStrategy[Behaviour] = st.builds(
    Behaviour, **{field: st.sampled_from(values_of(field)) for field in Behaviour._fields}
)
requests = st.builds(Request, doors, st.just(True), st.just(True), backlogs)


@st.composite
def sockets(draw: st.DrawFn) -> Socket:
    """Any socket the model describes, in any state, likely or not."""
    pre = draw(st.sampled_from([TCP, TCP6, MPTCP, UNIX, UDP]))
    bound = draw(st.booleans())
    return pre._replace(
        state=draw(st.sampled_from(TcpState)),
        socket_state=draw(st.sampled_from(SocketState)),
        max_ack_backlog=draw(st.integers(0, 2**16 - 1)),
        bound=int(bound),
        local_port=8080 if bound and pre.family != Family.UNIX else 0,
        ulp=draw(st.sampled_from(Ulp)) if pre.protocol == Protocol.TCP else Ulp.NONE,
        subflow_state=draw(st.sampled_from([0, TcpState.CLOSE, TcpState.LISTEN]))
        if pre.protocol == Protocol.MPTCP
        else 0,
    )
