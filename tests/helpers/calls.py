"""Calls of every kind for tests of what shows and stores them: a few by hand, and any the wire can hold."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable

from hypothesis import strategies as st

from listenwatch.call.header import Header
from listenwatch.call.layout import LISTEN_SOCKET, members
from listenwatch.call.record import Flag, ListenCall, StageRecord
from listenwatch.call.recording import Writer
from listenwatch.call.unseen import unseen_fields
from listenwatch.features.behaviour import behaviour_of
from listenwatch.linux.cgroup_owner import Container, Pod
from listenwatch.linux.kernel import Kernel
from listenwatch.model.inputs import EntryPath, Environment, Family, Knowledge, Request, Socket
from listenwatch.model.predict import predict
from listenwatch.model.socket_h import VSOCK
from listenwatch.model.stages import StageIndex
from listenwatch.report.call_json import judged_to_json
from listenwatch.verdict.codec import calls_summary
from listenwatch.verdict.compare import VerdictKind, judge
from listenwatch.verdict.summary import summarise
from tests.helpers.make import ALL_HOOKS, NOTHING, TCP, UNIX, environment, observe, outcome, request

KERNEL = Kernel(
    "6.1.0-50-amd64", (6, 1, 192), "x86_64", {"inet6_hash": True, "__inet_listen_sk": False}
)
BEHAVIOUR = behaviour_of(KERNEL)
HOSTILE = b"\x1b]0;x\x07\x9b\xff\\x41\r\n"
"""A terminal title, a C1 control, no UTF-8, a text that looks escaped, and a line of its own."""


def call(
    pre: Socket = TCP,
    backlog: int = 511,
    *,
    somaxconn: int = 4096,
    comm: bytes = b"nginx",
    address: bytes = b"\x7f\0\0\1",
    pid: int = 4242,
) -> ListenCall:
    """The record of one call that goes as the model of Linux 6.1 says."""
    expected = outcome(pre, backlog, somaxconn=somaxconn, behaviour=BEHAVIOUR)
    made = observe(request(backlog), pre, environment(somaxconn), expected)
    if pre.family == Family.UNIX and address == b"\x7f\0\0\1":
        address = b"/run/x.sock"
    return made._replace(comm=comm, address=address, pid=pid, tid=pid)


def disagreeing() -> ListenCall:
    """A call for which the kernel stored one more than it should."""
    good = call()
    return good._replace(post=good.post._replace(max_ack_backlog=512))


def refused() -> ListenCall:
    """``listen(99, 5)`` where 99 is not open: no socket is seen."""
    asked, nothing = Request(EntryPath.SYSCALL, False, False, 5), Environment(0, 0, 0, 0, 0)
    (expected,) = predict(asked, NOTHING, nothing, BEHAVIOUR, Knowledge())
    made = observe(asked, NOTHING, nothing, expected)
    return made._replace(fd=99, comm=b"sh", pid=7, tid=7)


def unreturned() -> ListenCall:
    """A call whose return was not seen."""
    seen = call()
    return seen._replace(flags=seen.flags & ~Flag.RETURNED, post=NOTHING, address=b"", result=0)


SAMPLES = (
    call(),
    call(backlog=-1, somaxconn=128),
    call(UNIX, 5),
    disagreeing(),
    refused(),
    unreturned(),
)


def recorded(calls: Iterable[ListenCall] = SAMPLES, lost: int = 0) -> bytes:
    """A recording of these calls."""

    class Kept(io.StringIO):
        def close(self) -> None:
            """Keep the text."""

    stream = Kept()
    writer = Writer(stream, Header(KERNEL, "kprobe"))
    kinds = Counter[VerdictKind]()
    for each in calls:
        verdict = judge(each, BEHAVIOUR)
        kinds[verdict.kind] += each.repeats
        writer.call(judged_to_json(each, verdict))
    writer.close(calls_summary(summarise(kinds, lost)))
    return stream.getvalue().encode()


# -- hypothesis: whatever the wire can hold

u8, u16, u32 = (st.integers(0, 256**size - 1) for size in (1, 2, 4))
u64 = st.integers(0, 2**64 - 1)
s32 = st.integers(-(2**31), 2**31 - 1)
families = st.sampled_from([1, 2, 2, 2, 10, 16, 40]) | u16
types = st.sampled_from([1, 1, 2, 5]) | u16
protocols = st.sampled_from([0, 6, 6, 17, 262]) | u16
SPECIAL = {"seen": st.just(1), "family": families, "type": types, "protocol": protocols}
RANGES = {member.name: st.integers(*member.range) for member in members(LISTEN_SOCKET) if not member.is_padding}
seen_sockets = st.builds(Socket, **(RANGES | SPECIAL))
partly_seen = st.builds(
    lambda sock, mask: (hidden := sock._replace(seen=1 | mask))._replace(**dict.fromkeys(unseen_fields(hidden), 0)),
    seen_sockets, st.integers(1, 127).map(lambda bits: bits << 1),
)  # fmt: skip
"""As a look from user space has them: what could not be seen is 0."""
any_sockets = st.just(NOTHING) | seen_sockets | partly_seen
comms = st.binary(max_size=15).map(lambda b: b.split(b"\0")[0]) | st.sampled_from(
    [HOSTILE, b"", b"\\", b"\\\\x", "né".encode(), "\N{RIGHT-TO-LEFT OVERRIDE}".encode()]
)


@st.composite
def calls(draw: st.DrawFn) -> ListenCall:
    """Any call the probe could send, and many it never would."""
    pre, post = draw(any_sockets), draw(any_sockets)
    size = {0: 0, Family.INET: 4, Family.INET6: 16, VSOCK: 8}.get(post.family if post.seen else 0)
    low, high = (0, 108) if size is None else (size, size)
    address = draw(st.binary(min_size=low, max_size=high))
    flags = draw(st.just(7) | st.integers(0, sum(Flag)))
    no_sysctls = bool(flags & Flag.SYSCTLS_UNSEEN)
    indices = draw(st.sets(st.sampled_from(StageIndex)))
    entry_path = draw(st.sampled_from(EntryPath))
    return ListenCall(
        time_ns=draw(st.integers(0, 2**63)),
        duration_ns=draw(u64),
        cgroup_id=draw(u64),
        socket_cookie=draw(u64),
        netns_cookie=draw(u64),
        netns_inode=draw(u32),
        pid=draw(u32),
        tid=draw(u32),
        uid=draw(u32),
        comm=draw(comms),
        fd=draw(s32),
        backlog=0 if entry_path == EntryPath.UNKNOWN else draw(s32),
        result=draw(s32) if flags & Flag.RETURNED else 0,
        entry_path=entry_path,
        flags=flags,
        hooks=draw(st.integers(0, ALL_HOOKS)),
        environment=Environment(0, 0, 0, 0, 0) if no_sysctls else draw(st.builds(Environment, s32, s32, s32, s32, s32)),
        somaxconn_after=0 if no_sysctls else draw(s32),
        pre=pre,
        post=post,
        stages={int(i): draw(st.builds(StageRecord, s32, u32, u32, u8, u8)) for i in indices},
        address=address,
        unit=draw(st.none() | st.text()),
        container=draw(st.none() | st.builds(Container, st.text(), st.text(), st.text())),
        pod=draw(st.none() | st.builds(Pod, st.text(), st.text())),
        repeats=draw(st.just(1) | st.integers(1, 2**64 - 1)),
    )
