"""Answers of kernels older than any distribution's, each line replayed against the model (tests/data/oldkernels)."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from listenwatch.model.af_unix import unix_stream_connect
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.history import Version
from listenwatch.model.inputs import (
    EntryPath,
    Environment,
    Family,
    Knowledge,
    Protocol,
    Request,
    Socket,
    SocketState,
    TcpState,
)
from listenwatch.model.predict import predict
from listenwatch.model.queue_rules import Response
from listenwatch.model.run import Outcome, Sock
from listenwatch.model.sysctl_net_core import somaxconn_of_new_netns, write_somaxconn
from listenwatch.model.tcp_input import Listener, tcp_conn_request
from listenwatch.model.tcp_minisocks import tcp_check_req
from listenwatch.prediction.parameters import version_of
from tests import ROOT
from tests.helpers.make import FREE, NOTHING, TAKEN, TCP, UNBOUND, UNIX

FOLDER = ROOT / "tests/data/oldkernels"
RECORDED = sorted(FOLDER.glob("*.txt.gz"))
COUNTERS = (
    "ListenOverflows", "ListenDrops", "TCPReqQFullDoCookies", "TCPReqQFullDrop", "SyncookiesSent", "EmbryonicRsts",
)
"""Those that the model predicts. "absent" in a recording: the kernel has no such counter."""
TCP_INFO_OF_LISTENERS = (2, 6, 24)
"""From this release on tcp_info shows the two numbers of a listener (``ack`` and ``max``)."""
O_PATH = (2, 6, 39)
"""Before, the flag was ignored and the folder opened."""
NOT_JUDGED = frozenset(
    ("BEGIN", "END", "ROUTE", "PROCLINE", "SHARE", "SHAREAFTER", "BINDTAKEN", "SHUT", "SHUTFRESH", "REFUSED", "DISSOLVE", "CONNECTING", "TFODEF")
)  # fmt: skip
"""Lines that say how the next one was prepared."""


@dataclass(frozen=True)
class Line:
    """One line: its kind and its columns; ``line["b"]`` is a number."""

    kind: str
    values: dict[str, str]

    def __getitem__(self, column: str) -> int:
        return int(self.values[column])


class Difference(NamedTuple):
    """A line in which the model says something else than the kernel did."""

    line: Line
    predicted: dict[str, int]


def lines_of(path: Path) -> list[Line]:
    """All lines of one kernel."""
    words = [line.split() for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    return [Line(kind, dict(word.split("=", 1) for word in rest if "=" in word)) for kind, *rest in words]


def release_of(lines: list[Line]) -> Version:
    """The release that the kernel called itself."""
    return version_of(lines[0].values["release"])


def differences(lines: list[Line], version: Version, behaviour: Behaviour) -> Iterator[Difference]:
    """The lines that the model does not predict exactly; KeyError for a kind nobody judges."""
    for line in lines:
        if line.kind not in NOT_JUDGED:
            predicted = JUDGES[line.kind](line, version, behaviour)
            if any(predicted[column] != value for column, value in observed(line, predicted).items()):
                yield Difference(line, predicted)


def observed(line: Line, predicted: dict[str, int]) -> dict[str, int]:
    """What the kernel answered in the columns predicted; 0 for a counter that it has not."""
    values = line.values
    return {c: 0 if values[c] == "absent" else int(values[c]) for c in predicted if c in values}


# -- listen()


def listen(
    backlog: int, pre: Socket, environment: Environment, behaviour: Behaviour, knowledge: Knowledge = FREE,
    *, is_file: bool = True, is_socket: bool = True,
) -> Outcome:
    """The only outcome; ValueError where the model leaves it open."""
    request = Request(EntryPath.SYSCALL, is_file, is_socket, backlog)
    (only,) = predict(request, pre, environment, behaviour, knowledge)
    return only


def environment_of(line: Line, fastopen: int = 0) -> Environment:
    return Environment(line["sm"], fastopen, line["msb"], line["cook"], line["abort"])


def shown(outcome: Outcome, version: Version) -> dict[str, int]:
    """The columns in which a call shows: result, state, limit, and the table while it listens."""
    sock = outcome.socket
    assert sock
    columns = {"ret": outcome.result, "st": sock.state, "kstate": sock.state, "kmax": sock.max_ack_backlog, "kack": 0}
    if version >= TCP_INFO_OF_LISTENERS and sock.state == TcpState.LISTEN:
        columns |= {"ack": 0, "max": sock.max_ack_backlog}
    if sock.state == TcpState.LISTEN:
        columns |= table_of(sock)
    return columns


def table_of(sock: Sock) -> dict[str, int]:
    if not sock.table:
        return {}
    return {"klopt": 1, "knr": sock.table.nr_table_entries, "kqlog": sock.table.max_qlen_log}


def bound_socket(line: Line) -> Socket:
    return TCP._replace(family=line["fam"])


def first_listen(line: Line, version: Version, behaviour: Behaviour) -> dict[str, int]:
    return shown(listen(line["b"], bound_socket(line), environment_of(line), behaviour), version)


def autobind(line: Line, version: Version, behaviour: Behaviour) -> dict[str, int]:
    pre = UNBOUND._replace(family=int(line.values.get("fam", Family.INET)))
    return shown(listen(line["b"], pre, environment_of(line), behaviour), version)


def exhausted(line: Line, version: Version, behaviour: Behaviour) -> dict[str, int]:
    return shown(listen(line["b"], UNBOUND, environment_of(line), behaviour, TAKEN), version)


def conflict(line: Line, version: Version, behaviour: Behaviour) -> dict[str, int]:
    """A socket that listened before and was shut down; another one has its port meanwhile."""
    pre = bound_socket(line)._replace(max_ack_backlog=line["old"])
    return shown(listen(line["b"], pre, environment_of(line), behaviour, TAKEN), version)


def again(line: Line, version: Version, behaviour: Behaviour) -> dict[str, int]:
    """A later listen(): of a socket that listens, or (``how`` 0 and 2) was shut down, and lost its port."""
    environment = environment_of(line)
    first = listen(line["a"], bound_socket(line), environment, behaviour).socket
    assert first
    closed = line.values.get("how") in ("0", "2")
    pre = bound_socket(line)._replace(
        max_ack_backlog=first.max_ack_backlog, bound=int(not closed), state=TcpState.CLOSE if closed else TcpState.LISTEN
    )
    outcome = listen(line["b"], pre, environment, behaviour)
    return shown(outcome, version) | ({} if closed else table_of(first))


def in_new_netns(line: Line, version: Version, behaviour: Behaviour) -> dict[str, int]:
    """2.6.24 has namespaces, but no socket can be made in a new one."""
    environment = Environment(line["sm"], 0, 1024, 0, 0)
    if line["st"] == -1:
        return {"ret": listen(line["b"], NOTHING, environment, behaviour, is_file=False).result}
    return shown(listen(line["b"], UNBOUND, environment, behaviour), version)


# -- other descriptors

CONNECTED = TCP._replace(state=TcpState.ESTABLISHED, socket_state=SocketState.CONNECTED)
UNIX_CONNECTED = UNIX._replace(state=TcpState.ESTABLISHED, socket_state=SocketState.CONNECTED)
SOCKETS = {
    "connected": CONNECTED, "accepted": CONNECTED, "peer-closed": CONNECTED._replace(state=TcpState.CLOSE),
    "connected-shutdown": CONNECTED._replace(state=TcpState.FIN_WAIT2), "refused": UNBOUND, "dissolved": UNBOUND,
    "connecting": UNBOUND._replace(state=TcpState.SYN_SENT, socket_state=SocketState.CONNECTING),
    "unix-unbound": UNIX._replace(bound=0), "unix-bound": UNIX, "unix-listening": UNIX._replace(state=TcpState.LISTEN),
    "unix-connected": UNIX_CONNECTED._replace(bound=0), "unix-accepted": UNIX_CONNECTED,
    "unix-bound-connected": UNIX_CONNECTED, "unix-pair": UNIX_CONNECTED._replace(bound=0),
    "unix-dgram": UNIX._replace(bound=0), "unix-dgram-bound": UNIX,
}  # fmt: skip
NO_FILE, NO_SOCKET = ("badfd", "closedfd"), ("pipe", "file")


def other(line: Line, version: Version, behaviour: Behaviour) -> dict[str, int]:
    what, environment = line.values["what"], environment_of(line)
    opened = what not in NO_FILE and not (what == "o_path" and version >= O_PATH)
    if what in (*NO_FILE, *NO_SOCKET, "o_path"):
        outcome = listen(line["b"], NOTHING, environment, behaviour, is_file=opened, is_socket=False)
    else:
        protocol = Protocol.TCP if line["proto"] == Protocol.TCP else line["proto"]
        pre = SOCKETS.get(what, UNBOUND)._replace(family=line["fam"], type=line["type"], protocol=protocol)
        outcome = listen(line["b"], pre, environment, behaviour)
    return {"ret": outcome.result}


def unix_capacity(line: Line, version: Version, behaviour: Behaviour) -> dict[str, int]:
    pre = UNIX._replace(type=line["type"])
    sock = listen(line["b"], pre, environment_of(line), behaviour).socket
    assert sock and sock.state == TcpState.LISTEN
    waiting = 0
    for _ in range(line["k"]):
        response = unix_stream_connect(waiting, sock.max_ack_backlog, nonblocking=True)
        waiting += response.response is Response.QUEUED
    return {"ret": 0, "ok": waiting, "err": -11 if waiting < line["k"] else 0}


# -- connections that nobody accepts


def connections(line: Line, version: Version, behaviour: Behaviour) -> dict[str, int]:
    """CAP: connects over loopback, each done before the next. SYNQ: SYNs that nobody completes."""
    environment = environment_of(line)
    outcome = listen(line["b"], TCP._replace(family=int(line.values.get("fam", Family.INET))), environment, behaviour)
    sock = outcome.socket
    assert sock
    listener = Listener(sock.max_ack_backlog, table=sock.table)
    counted: Counter[str] = Counter()
    established = 0
    for _ in range(line["k"]):
        syn = tcp_conn_request(listener, environment, behaviour)
        assert syn.response is not Response.UNKNOWN
        counted.update(syn.counters)
        cookie = syn.response is Response.COOKIE
        if line.kind == "SYNQ":
            waits = syn.response is Response.SYN_ACK
        elif cookie or syn.response is Response.SYN_ACK:
            ack = tcp_check_req(listener, environment, behaviour, cookie=cookie)
            counted.update(ack.counters)
            queued = ack.response is Response.QUEUED
            listener = listener._replace(ack_backlog=listener.ack_backlog + queued)
            established += ack.response is not Response.RESET
            waits = ack.response is Response.IGNORED and not cookie
        else:
            waits = False
        listener = listener._replace(qlen=listener.qlen + waits, young=listener.young + waits)
    columns = shown(outcome, version) | {name: counted[name] for name in COUNTERS} | {"kqlen": listener.qlen}
    columns["kack"] = listener.ack_backlog
    columns |= {"ack": listener.ack_backlog} if "ack" in columns else {}
    if line.kind == "CAP":
        columns |= {"accepted": listener.ack_backlog, "client_est": established}
    if proc_is_whole(line, version):
        columns["syn_recv"] = listener.qlen
    return columns


def proc_is_whole(line: Line, version: Version) -> bool:
    """Whether /proc/net/tcp can be trusted: it skips entries between two reads."""
    if line.kind == "SYNQ":
        return version < (4, 4, 0)
    return line["est_local"] >= line["accepted"]


# -- sysctls


def fastopen(line: Line, version: Version, behaviour: Behaviour) -> dict[str, int]:
    outcome = listen(line["b"], TCP, environment_of(line, line["flags"]), behaviour)
    assert outcome.socket
    readable = {"qlen": outcome.socket.fastopen_max_qlen, "qlen2": outcome.socket.fastopen_max_qlen}
    return {"ret": outcome.result, "relisten": 0} | ({} if line["geterr"] else readable)


def defaults(line: Line, version: Version, behaviour: Behaviour) -> dict[str, int]:
    return {"sm": behaviour.somaxconn_default, "cook": int(behaviour.syncookies_by_default)}


def somaxconn(line: Line, version: Version, behaviour: Behaviour) -> dict[str, int]:
    return {"ret": write_somaxconn(line["v"], behaviour)}


def netns(line: Line, version: Version, behaviour: Behaviour) -> dict[str, int]:
    """Without a namespace of its own (``unshare`` failed) a process sees the one there is."""
    seen = somaxconn_of_new_netns(line["initial"], behaviour) if not line["unshare"] else line["initial"]
    return {"seen": seen}


JUDGES: dict[str, Callable[[Line, Version, Behaviour], dict[str, int]]] = {
    "L": first_listen, "LISTENSHUTFRESH": first_listen, "AFTERCONFLICT": first_listen,
    "UNBOUND": autobind, "EXHAUSTED2": autobind, "EXHAUSTED": exhausted, "CONFLICT": conflict,
    "RELISTEN": again, "RELISTENSHUT": again, "NETNSLISTEN": in_new_netns, "OTHER": other,
    "UNIXCAP": unix_capacity, "CAP": connections, "SYNQ": connections, "TFO": fastopen,
    "DEFAULTS": defaults, "WSOMAX": somaxconn, "NETNS": netns,
}  # fmt: skip
"""What the model predicts for a line of each kind, by column."""
