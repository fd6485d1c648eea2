"""Builds what the tests talk about: sockets, environments, and the record a kernel obeying the model would send."""

from __future__ import annotations

from enum import Enum

from hypothesis import strategies as st

from listenwatch.call.record import Flag, ListenCall, StageRecord
from listenwatch.model.behaviour import FIELDS, Behaviour
from listenwatch.model.inputs import (
    EntryPath,
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
from listenwatch.model.kernels import ERAS
from listenwatch.model.predict import predict
from listenwatch.model.run import Outcome, Sock
from listenwatch.model.socket_h import VSOCK
from listenwatch.model.stages import StageIndex
from tests.helpers.eras import LINUX_7_3

ALL_HOOKS = (1 << len(StageIndex)) - 1
FREE = Knowledge(refusal=0, port_free=True, memory=True)
TAKEN = FREE._replace(port_free=False)
INT_MAX = 2**31 - 1


def environment(somaxconn: int = 4096) -> Environment:
    """The sysctls of a namespace; only somaxconn matters to the model."""
    return Environment(somaxconn=somaxconn, max_syn_backlog=1024, syncookies=1, fastopen=1, abort_on_overflow=0)


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
    subflow_local_port=0,
    source_port=8080,
)
"""A TCP socket over IPv4, bound and closed."""
TCP6 = TCP._replace(family=Family.INET6)
UNBOUND = TCP._replace(local_port=0, bound=0, source_port=0)
MPTCP = TCP._replace(protocol=Protocol.MPTCP, subflow_state=TcpState.CLOSE, subflow_local_port=8080)
"""bind() makes the first subflow, which it binds."""
UNIX = TCP._replace(family=Family.UNIX, protocol=0, local_port=0, source_port=0)
VSOCK_STREAM = TCP._replace(family=VSOCK, protocol=0, local_port=0, source_port=0)
UDP = TCP._replace(type=SocketType.DGRAM, protocol=Protocol.UDP)
NOTHING = Socket(*[0] * len(Socket._fields))
"""What the record holds where there is no socket."""


CHOSEN = 40000
"""The port that the kernel chooses."""


def request(backlog: int = 511, entry_path: EntryPath = EntryPath.SYSCALL) -> Request:
    """A call on an open socket."""
    return Request(entry_path, True, True, backlog)


def outcomes(
    pre: Socket = TCP,
    backlog: int = 511,
    *,
    somaxconn: int = 4096,
    behaviour: Behaviour = LINUX_7_3,
    knowledge: Knowledge = FREE,
    entry_path: EntryPath = EntryPath.SYSCALL,
) -> list[Outcome]:
    """Every outcome of one call."""
    return list(predict(request(backlog, entry_path), pre, environment(somaxconn), behaviour, knowledge))


def outcome(
    pre: Socket = TCP,
    backlog: int = 511,
    *,
    somaxconn: int = 4096,
    behaviour: Behaviour = LINUX_7_3,
    knowledge: Knowledge = FREE,
    entry_path: EntryPath = EntryPath.SYSCALL,
) -> Outcome:
    """The only outcome of one call whose inputs decide everything."""
    (only,) = outcomes(
        pre, backlog, somaxconn=somaxconn, behaviour=behaviour, knowledge=knowledge, entry_path=entry_path
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
            state=sock.state, max_ack_backlog=sock.max_ack_backlog, bound=int(sock.bound),
            local_port=CHOSEN if sock.local_port is None else sock.local_port,
            source_port=CHOSEN if sock.local_port is None else pre.source_port,
        )
        if result.subflow is not None:
            post = post._replace(
                subflow_state=result.subflow.state,
                subflow_max_ack_backlog=result.subflow.max_ack_backlog,
                subflow_local_port=CHOSEN if result.subflow.local_port is None else result.subflow.local_port,
            )
    stages: dict[int, StageRecord] = {
        index: StageRecord(s.value or 0, s.max_ack_backlog, s.ack_backlog or 0, s.state, 1)
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
        entry_path=asked.entry_path,
        flags=flags,
        hooks=hooks,
        environment=env,
        somaxconn_after=env.somaxconn,
        pre=pre,
        post=post,
        stages=stages,
        address=b"",
    )


def fields(sock: Sock | None) -> tuple[object, ...] | None:
    """A Sock as a value that compares."""
    return None if sock is None else tuple(getattr(sock, name) for name in Sock.__slots__)


def frozen(outcome: Outcome) -> tuple[object, ...]:
    """An Outcome as a value that compares and that nobody can change."""
    return (
        *outcome[:3],
        tuple(outcome.stages.items()),
        fields(outcome.socket),
        fields(outcome.subflow),
    )


def record(pre: Socket = TCP, knowledge: Knowledge = FREE, hooks: int = ALL_HOOKS) -> ListenCall:
    """The record of one call that went as predicted, asked 511."""
    found = outcome(pre, knowledge=knowledge)
    return observe(request(), pre, environment(), found, hooks)


def path(found: Outcome) -> list[str]:
    """Each step as ``function state max_ack_backlog ack_backlog``."""
    return [
        f"{s.function} {TcpState(s.state).name} {s.max_ack_backlog} {s.ack_backlog}"
        for s in found.steps
    ]


def sysctls(syncookies: int = 1, max_syn_backlog: int = 1024, abort: int = 0) -> Environment:
    """The sysctls that decide on a connection."""
    return Environment(somaxconn=4096, max_syn_backlog=max_syn_backlog, syncookies=syncookies, fastopen=0, abort_on_overflow=abort)


# -- hypothesis

backlogs = st.integers(-(2**31), INT_MAX) | st.sampled_from([-1, 0, 1, 128, 511, 4096, 65536])
somaxconns = st.integers(0, INT_MAX) | st.sampled_from([0, 128, 4096])
environments = somaxconns.map(environment)
entry_paths = st.sampled_from([EntryPath.SYSCALL, EntryPath.COMPAT, EntryPath.IO_URING, EntryPath.KERNEL])
eras = st.sampled_from([era for _, era in ERAS])
NAMES: dict[str, list[object]] = {
    "max_ack_backlog_bits": [16, 32],
    "somaxconn_default": [128, 4096],
    "sys_listen": ["sys_listen", "__sys_listen", "__sys_listen_socket"],
    "ipv4_hash": ["tcp_v4_hash", "inet_hash"],
    "ipv6_hash": ["tcp_v6_hash", "inet_hash", "inet6_hash"],
    "mptcp_enters": ["inet_listen", "__inet_listen_sk"],
    "inet_listen_sk": ["inet_listen", "__inet_listen_sk"],
    "listen_start": ["tcp_listen_start", "inet_csk_listen_start"],
    "conn_request": ["tcp_v4_conn_request", "tcp_conn_request"],
}


def values_of(field: str) -> list[object]:
    """Every value a field of Behaviour has in one era or another; the newest kernel's among them."""
    newest: object = getattr(LINUX_7_3, field)
    if isinstance(newest, Enum):
        return list(type(newest))
    return NAMES.get(field, [True, False])


behaviours: st.SearchStrategy[Behaviour] = st.builds(
    Behaviour, **{field: st.sampled_from(values_of(field)) for field in FIELDS}
)
requests = st.builds(Request, entry_paths, st.just(True), st.just(True), backlogs)


_subflows = st.fixed_dictionaries({
    "subflow_state": st.sampled_from([0, TcpState.CLOSE, TcpState.LISTEN]),
    "subflow_local_port": st.sampled_from([0, 8080, 8081]),
})  # fmt: skip


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
        **(draw(_subflows) if pre.protocol == Protocol.MPTCP else {}),
    )
