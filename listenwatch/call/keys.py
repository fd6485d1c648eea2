"""What the keys of JSON lines mean: one type and one description for each name, whichever command prints it.

A line is declared as a TypedDict beside what writes it, of these types; the published schemas
(listenwatch/schemas) are made from the declarations. ``schema`` is the first key of each and says which it is.
"""

from typing import Annotated, NamedTuple, TypedDict

from listenwatch.call.forms import TIME_PATTERN
from listenwatch.linux.kernel import Kernel


class Only(NamedTuple):
    """Which values of its type a key has; None: any."""

    low: int | None = None
    high: int | None = None
    of: tuple[object, ...] | None = None
    pattern: str | None = None
    length: int | None = None


U32 = Only(0, 2**32 - 1)
U64 = Only(0, 2**64 - 1)

Count = Annotated[int, Only(0)]
Seconds = Annotated[float, Only(0)]
Time = Annotated[str, Only(pattern=TIME_PATTERN), "RFC 3339 in UTC with nanoseconds: sorts as text"]
Reason = Annotated[str, "in words, for people: do not parse it"]
Incomplete = Annotated[list[str], "in words, what was not seen or not counted; empty if nothing is missing"]

Netns = Annotated[int, U32, "the network namespace's inode number"]
Pid = Annotated[int, Only(0), "the process, as the initial pid namespace numbers it"]
Comm = Annotated[str, r"its name: every byte is kept, what is not UTF-8 is \xNN, a backslash two"]
Protocol = Annotated[str, "tcp, tcp6, mptcp, unix, unix-seq, sctp, vsock, ..."]
Local = Annotated[str, "the local address: 0.0.0.0:80, [::]:80, /path, @abstract, of AF_VSOCK 2:80"]
Port = Annotated[int, Only(0, 65535), "the local port; null where the socket has none"]
Asked = Annotated[int, Only(-(2**31), 2**31 - 1), "the backlog given to listen()"]
Stored = Annotated[int, U32, "sk_max_ack_backlog as the call returned (MPTCP: the subflow's)"]
Limit = Annotated[int, U32, "sk_max_ack_backlog of the listener now"]
Capacity = Annotated[int, Only(0), "how many connections can wait for accept(): one more than the limit"]
Queue = Annotated[int, U32, "how many connections wait for accept()"]
Somaxconn = Annotated[int, Only(0), "net.core.somaxconn of the socket's network namespace"]
SocketCookie = Annotated[int, U64, "the kernel's number for the socket, never used again"]
Inode = Annotated[int, U32, "the socket's inode number, as /proc/PID/fd shows it"]
Attach = Annotated[str, "the attach mode: kprobe, fentry, tracepoint or seccomp; oldlisten in vectors of kernels before 5.10"]
Engine = Annotated[str, "what attached the probe: core or bcc; seccomp, where none is attached"]
Result = Annotated[int, Only(high=0), "0 or -errno"]
Errno = Annotated[str, "its name, such as EADDRINUSE"]
RuleId = Annotated[str, "how the call ended: an id of 'listenwatch rules'"]
BacklogRuleId = Annotated[str, "what became of the backlog: an id of 'listenwatch rules'"]
Release = Annotated[str, "a release of the kernel, such as 6.1"]
On = Annotated[str, "of matrix.jsonl: the kernel, by the name it has in the reports"]
State = Annotated[str, "sk_state by its name, such as LISTEN; a number without a name stays one"]


class KernelObject(TypedDict):
    """A kernel."""

    release: Annotated[str, "uname -r"]
    version: Annotated[list[int], Only(length=3), "the upstream version it was built from"]
    machine: Annotated[str, "uname -m"]
    has: Annotated[dict[str, bool], "which functions that tell eras apart its type information has"]


class Totals(TypedDict):
    """Calls by verdict."""

    agree: Count
    disagree: Count
    inconclusive: Count
    unmodelled: Count
    lost: Annotated[int, Only(0), "calls that happened and have no record"]


def kernel_object(kernel: Kernel) -> KernelObject:
    """A kernel as JSON has it."""
    return {
        "release": kernel.release, "version": list(kernel.version), "machine": kernel.machine, "has": kernel.has,
    }  # fmt: skip
