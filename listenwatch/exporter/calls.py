"""Every listen() while it happens, judged and counted by a thread of its own: a look at the machine holds it up no more."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from listenwatch.bpf.overflow import Netns
from listenwatch.call.record import ListenCall
from listenwatch.exporter.names import Names
from listenwatch.linux.wakeups import UntilStopped
from listenwatch.session.session import Session
from listenwatch.sockets.asked import AskedBacklogs
from listenwatch.sockets.inventory import ListenerRow
from listenwatch.verdict.compare import Verdict

MOST_NAMESPACES = 10_000
"""How many are remembered between two scrapes."""


class CallKind(NamedTuple):
    """How a call was judged: its verdict in lower case, and the rules' ids (``listenwatch rules``)."""

    verdict: str
    rule: str
    backlog_rule: str


class Calls:
    """Counts the calls of a session until it is stopped; ``show`` is called with each, in that thread.

    ``failed`` is called there too if the thread ends by an error.
    """

    def __init__(
        self, session: Session, ending: UntilStopped, names: Names, show: Callable[[ListenCall, Verdict], None],
        failed: Callable[[], None],
    ) -> None:
        self._session, self._ending, self._names, self._show = session, ending, names, show
        self._failed = failed
        self._lock = threading.Lock()
        self._counts: Counter[CallKind] = Counter()
        self._asked = AskedBacklogs()
        self._called_in: set[Netns] = set()
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="calls", daemon=True)

    def start(self) -> None:
        """Begin; what was called since the probe was attached is counted too."""
        self._thread.start()

    def stop(self) -> None:
        """Count what returned before, and end."""
        self._ending.stop()
        self._thread.join()

    def counts(self) -> Counter[CallKind]:
        """How many calls were judged how, so far."""
        with self._lock:
            return self._counts.copy()

    def take_namespaces(self) -> set[Netns]:
        """Those in which listen() was called since the last time."""
        with self._lock:
            taken, self._called_in = self._called_in, set()
        return taken

    def of(self, row: ListenerRow) -> int | None:
        """The backlog a listener asked for, as ``AskedBacklogs.of``."""
        with self._lock:
            return self._asked.of(row)

    def _run(self) -> None:
        try:
            for call, verdict in self._session:
                self._count(call, verdict)
        except Exception as error:
            self.error = error
            self._failed()

    def _count(self, call: ListenCall, verdict: Verdict) -> None:
        listens = not call.result and call.post.seen
        with self._lock:
            self._counts[CallKind(verdict.kind.value.lower(), verdict.rule, verdict.backlog_rule)] += call.repeats
            self._asked.add(call)
            if listens and call.netns_cookie and len(self._called_in) < MOST_NAMESPACES:
                self._called_in.add(Netns(call.netns_inode, call.netns_cookie))
        if listens:
            self._names.saw(call)
        self._show(call, verdict)
