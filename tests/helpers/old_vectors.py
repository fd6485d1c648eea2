"""Vectors of kernels older than the probe: the answers of tests/data/oldkernels that a recording can carry.

``python -m tests.helpers.old_vectors`` writes them afresh (tests/vectors/before-5.10). Each line names who said what.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

from listenwatch.call.codec import call_to_json
from listenwatch.call.header import Header
from listenwatch.call.record import Flag, ListenCall
from listenwatch.call.recording import Writer
from listenwatch.call.unseen import seen_without
from listenwatch.conformance.matrix.vectors import case_of
from listenwatch.features.behaviour import behaviour_of_any
from listenwatch.linux.kernel import Kernel, Version
from listenwatch.model.inputs import Bound, EntryPath, Family, Protocol, Socket, TcpState
from listenwatch.verdict.codec import calls_summary
from listenwatch.verdict.compare import judge
from listenwatch.verdict.summary import summarise
from tests import ROOT
from tests.helpers.make import NOTHING, TCP, UNBOUND
from tests.helpers.old_kernels import (
    NO_FILE,
    NO_SOCKET,
    O_PATH,
    RECORDED,
    SOCKETS,
    TCP_INFO_OF_LISTENERS,
    Line,
    environment_of,
    lines_of,
    release_of,
)

FOLDER = ROOT / "tests/vectors/before-5.10"
ATTACH = "oldlisten"
"""What stands where others have the attach mode: the program of that name ran as the kernel's init, without a probe."""
SCENARIOS = {
    "L": "first-listen", "RELISTEN": "relisten", "UNBOUND": "autobind", "EXHAUSTED": "no-port-left",
    "EXHAUSTED2": "port-given-back", "CONFLICT": "port-taken", "AFTERCONFLICT": "port-free-again",
    "RELISTENSHUT": "relisten-after-shutdown", "LISTENSHUTFRESH": "listen-after-shutdown", "OTHER": "other",
}  # fmt: skip
CALL, MEMORY, INFO, NAME = "system call", "kernel memory", "TCP_INFO", "getsockname"
"""Who said what: the return of listen(), struct sock read in the kernel's own memory, and two system calls."""
_PORT = 1
"""Stands for a port whose number was not kept."""
_LOOPBACK = {Family.INET: bytes((127, 0, 0, 1)), Family.INET6: bytes(15) + b"\1", Family.UNIX: b""}


class OldVector(NamedTuple):
    """A call, the scenario that made it, and the witness of each value of its outcome."""

    scenario: str
    call: ListenCall
    witnesses: dict[str, str]


def vectors_of(lines: list[Line]) -> Iterator[OldVector]:
    """Each distinct listen() whose outcome was seen, as a vector; what traffic did, no recording can carry."""
    version, cases = release_of(lines), set()
    for line in lines:
        if line.kind in SCENARIOS and (vector := _vector(line, version)):
            case = case_of(vector.scenario, vector.call)
            if case not in cases:
                cases.add(case)
                yield vector


def _vector(line: Line, version: tuple[int, ...]) -> OldVector | None:
    scenario = SCENARIOS[line.kind] if line.kind != "OTHER" else f"other-{line.values['what']}"
    if line.kind == "OTHER":
        if not line["ret"]:  # what it left was not looked at
            return None
        pre, flags = _other(line, version)
        post = _unseen(pre, "state", "max_ack_backlog") if pre.seen else pre
        witnesses: dict[str, str] = {}
    else:
        pre, flags = PREPARED.get(line.kind, _bound)(line), Flag.FILE | Flag.SOCKET
        post, witnesses = _post(line, pre, version)
        if not line["ret"] and "post.max_ack_backlog" not in witnesses:
            return None
    call = ListenCall(
        time_ns=0, duration_ns=0, cgroup_id=0, socket_cookie=0, netns_cookie=0, netns_inode=0, pid=1, tid=1, uid=0,
        fd=3, backlog=line["b"], result=line["ret"], entry_path=EntryPath.SYSCALL, flags=flags | Flag.RETURNED,
        hooks=0, comm=ATTACH.encode(), environment=environment_of(line), somaxconn_after=line["sm"],
        pre=pre, post=post, stages={}, address=_LOOPBACK.get(Family(post.family), b"") if post.seen else b"",
    )  # fmt: skip
    return OldVector(scenario, call, {"result": CALL, **witnesses})


def _unseen(sock: Socket, *fields: str) -> Socket:
    """The socket without these fields; its port and sock->state nobody looked at either."""
    names = frozenset((*fields, "socket_state", "local_port"))
    blank = {name: 0 for name in ("socket_state", "local_port", *fields)}
    return sock._replace(seen=seen_without(names), bound=Bound.UNKNOWN, source_port=None, **blank)


def _post(line: Line, pre: Socket, version: tuple[int, ...]) -> tuple[Socket, dict[str, str]]:
    """State and limit as they were looked at: in the kernel's memory, else by TCP_INFO, which has no limit before 2.6.24."""
    values, witnesses = line.values, {"post.state": INFO}
    if "kmax" in values:
        limit, waiting = line["kmax"], line["kack"]
        witnesses |= {"post.state": MEMORY, "post.max_ack_backlog": MEMORY, "post.ack_backlog": MEMORY}
    elif version >= TCP_INFO_OF_LISTENERS and line["st"] == TcpState.LISTEN:
        limit, waiting = line["max"], line["ack"]
        witnesses |= {"post.max_ack_backlog": INFO, "post.ack_backlog": INFO}
    else:
        return _unseen(pre, "max_ack_backlog", "ack_backlog")._replace(state=line["st"]), witnesses
    post = _unseen(pre)._replace(state=line["st"], max_ack_backlog=limit, ack_backlog=waiting)
    if port := int(values.get("port", 0)):
        witnesses |= {"post.local_port": NAME}
        post = post._replace(seen=seen_without(frozenset(("socket_state",))), bound=Bound.YES, local_port=port, source_port=port)
    return post, witnesses


# -- what the program prepared


def _bound(line: Line) -> Socket:
    return TCP._replace(family=line["fam"], local_port=_PORT, source_port=_PORT)


def _unbound(line: Line) -> Socket:
    return UNBOUND._replace(family=int(line.values.get("fam", Family.INET)))


def _limit_unseen(sock: Socket) -> Socket:
    """It had a limit from an earlier listen(), at which nobody looked."""
    return sock._replace(seen=seen_without(frozenset(("max_ack_backlog", "ack_backlog"))))


def _listening(line: Line) -> Socket:
    return _limit_unseen(_bound(line)._replace(state=TcpState.LISTEN))


def _shut(line: Line) -> Socket:
    """Reading or both ways: no listener any more, and no port, which it had not named. Writing: nothing happened."""
    if line.values["how"] == "1":
        return _listening(line)
    return _limit_unseen(UNBOUND._replace(family=line["fam"], source_port=_PORT))


PREPARED: dict[str, Callable[[Line], Socket]] = {
    "RELISTEN": _listening, "RELISTENSHUT": _shut, "UNBOUND": _unbound, "EXHAUSTED": _unbound, "EXHAUSTED2": _unbound,
    "CONFLICT": lambda line: _limit_unseen(_bound(line)),
}  # fmt: skip


def _other(line: Line, version: tuple[int, ...]) -> tuple[Socket, int]:
    what = line.values["what"]
    if what in NO_FILE or (what == "o_path" and version >= O_PATH):
        return NOTHING, 0
    if what in (*NO_SOCKET, "o_path"):
        return NOTHING, Flag.FILE
    protocol = Protocol.TCP if line["proto"] == Protocol.TCP else line["proto"]
    pre = SOCKETS.get(what, UNBOUND)._replace(family=line["fam"], type=line["type"], protocol=protocol)
    return pre, Flag.FILE | Flag.SOCKET


# -- the file


def kernel_of(lines: list[Line]) -> Kernel:
    """The kernel as it called itself; a fourth number of 2.6 stands in its release alone."""
    values = lines[0].values
    major, minor, patch = (*release_of(lines), 0, 0)[:3]
    version: Version = (major, minor, patch)
    return Kernel(values["release"], version, values["machine"], {})


def compressed(lines: list[Line]) -> bytes:
    """The recording, compressed; the same bytes for the same answers."""
    kernel = kernel_of(lines)
    text = _Text()
    writer = Writer(cast("IO[str]", text), Header(kernel, ATTACH))
    behaviour, kinds = behaviour_of_any(kernel), []
    for scenario, call, witnesses in vectors_of(lines):
        kinds.append(judge(call, behaviour).kind)
        writer.call({"scenario": scenario, "witnesses": witnesses, **call_to_json(call)})
    writer.close(calls_summary(summarise(kinds, 0)))
    return gzip.compress("".join(text.parts).encode(), 9, mtime=0)


class _Text:
    """Takes what a Writer writes."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> int:
        self.parts.append(text)
        return len(text)

    def flush(self) -> None: ...

    def close(self) -> None: ...


def place_of(path: Path) -> Path:
    """Where the vectors of recorded answers are."""
    return FOLDER / path.name.removesuffix(".txt.gz") / f"{ATTACH}.jsonl.gz"


def main() -> None:
    """Write them all."""
    for path in RECORDED:
        place_of(path).parent.mkdir(parents=True, exist_ok=True)
        place_of(path).write_bytes(compressed(lines_of(path)))


if __name__ == "__main__":
    main()
