"""What listen() makes of what a configuration declares, by the model; and whether a running server's sockets are so."""

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from listenwatch.configs.declared import Declared
from listenwatch.errors import UsageError
from listenwatch.linux.netns import inode_of
from listenwatch.model.behaviour import Behaviour
from listenwatch.model.history import Version
from listenwatch.model.socket_c import as_int
from listenwatch.prediction.calculator import Prediction, calculate
from listenwatch.prediction.parameters import FAMILIES, Parameters
from listenwatch.sockets.inventory import ListenerRow, take
from listenwatch.verdict.conditions import got_somaxconn


class Kept(Enum):
    """How the socket of a running server compares with what is declared."""

    SAME = "same"
    DIFFERS = "differs"
    NOT_LISTENING = "not-listening"


class Target(NamedTuple):
    """Where the server is going to run: ``somaxconn`` None is the kernel's default."""

    version: Version
    behaviour: Behaviour | None
    somaxconn: int | None


class Checked(NamedTuple):
    """A declared listener; ``prediction`` is None where its backlog is not known, or the model has no such socket.

    ``row`` is the running server's listener, ``kept`` how it compares; both None where that was not asked.
    """

    declared: Declared
    prediction: Prediction | None
    row: ListenerRow | None = None
    kept: Kept | None = None

    @property
    def is_clamped(self) -> bool:
        """Whether it gets net.core.somaxconn in place of the greater backlog it asks for."""
        prediction = self.prediction
        if prediction is None or prediction.outcome.result:
            return False
        rule = prediction.outcome.backlog_rule.value
        return got_somaxconn(rule, prediction.parameters.backlog, prediction.sock.max_ack_backlog)


def check(declared: Iterable[Declared], target: Target) -> list[Checked]:
    """What each gets there."""
    return [Checked(each, _predicted(each, target)) for each in declared]


def check_running(declared: Iterable[Declared], target: Target, pid: int) -> list[Checked]:
    """What each gets in the network namespace of a running server, and what that server's socket has kept."""
    rows = _rows_of(pid)
    return [_compared(each, target, rows) for each in declared]


def _compared(declared: Declared, target: Target, rows: Sequence[ListenerRow]) -> Checked:
    row = next(_matching(declared, rows), None)
    if row is None:
        return Checked(declared, _predicted(declared, target), None, Kept.NOT_LISTENING)
    prediction = _predicted(declared, target._replace(somaxconn=row.somaxconn))
    if prediction is None:
        return Checked(declared, None, row)
    same = prediction.sock.max_ack_backlog == row.listener.limit
    return Checked(declared, prediction, row, Kept.SAME if same else Kept.DIFFERS)


def _predicted(declared: Declared, target: Target) -> Prediction | None:
    if declared.backlog is None or declared.family not in FAMILIES:
        return None
    somaxconn = target.somaxconn
    if declared.somaxconn is not None:
        somaxconn = declared.somaxconn
    elif declared.in_container:
        somaxconn = None  # a new namespace starts with the default, whatever the host has
    parameters = Parameters(as_int(declared.backlog), declared.family, somaxconn)
    return calculate(target.version, parameters, target.behaviour)


def _rows_of(pid: int) -> list[ListenerRow]:
    """The listeners that a process and its descendants hold."""
    import psutil  # slow to import, and only a running server needs it

    try:
        process = psutil.Process(pid)
        pids = {pid, *(child.pid for child in process.children(recursive=True))}
    except psutil.Error:
        raise UsageError(f"there is no process {pid}: give the pid of the server's main process") from None
    inode = inode_of(f"/proc/{pid}/ns/net")
    inventory = take(lambda namespace: namespace.inode == inode)
    return [row for row in inventory.rows if pids & {holder.pid for holder in row.holders}]


def _matching(declared: Declared, rows: Iterable[ListenerRow]) -> Iterator[ListenerRow]:
    """Those at the address; then those at its port, as the configuration may name an address otherwise than the kernel."""
    rows = list(rows)
    yield from (row for row in rows if row.listener.local == declared.local)
    if declared.port:
        yield from (row for row in rows if row.listener.port == declared.port and row.listener.protocol == declared.family)
        yield from (row for row in rows if row.listener.port == declared.port)
