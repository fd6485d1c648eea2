"""Which calls are judged, and which of those are shown."""

import os
from collections.abc import Collection
from typing import NamedTuple

from listenwatch.call.record import Flag, ListenCall
from listenwatch.linux.owner_filter import OwnerFilter
from listenwatch.linux.processes import name_matches
from listenwatch.verdict.compare import Verdict, VerdictKind
from listenwatch.verdict.conditions import is_clamped


class CallFilter(NamedTuple):
    """What a call must be; None, False and an empty collection ask for nothing.

    Of ``pids``, of ``names`` (``name_matches``) and of ``ports``, the local ones, one must be its own;
    ``netns`` is the inode number of a network namespace; ``owner`` asks for the caller's unit and container;
    ``followed`` keeps those of our descendants. ``failed``, ``disagree`` and ``clamped`` choose only what is shown.
    """

    pids: Collection[int] = ()
    names: Collection[str] = ()
    ports: Collection[int] = ()
    netns: int | None = None
    owner: OwnerFilter = OwnerFilter()
    followed: bool = False
    failed: bool = False
    disagree: bool = False
    clamped: bool = False

    @property
    def has_every_call(self) -> bool:
        """Whether all calls match that are followed."""
        return not (self.pids or self.names or self.ports or self.owner.is_given) and self.netns is None

    def matches(self, call: ListenCall) -> bool:
        """Whether the call is judged and counted."""
        return (
            (not self.followed or (bool(call.flags & Flag.FOLLOWED) and call.pid != os.getpid()))
            and (not self.pids or call.pid in self.pids)
            and (not self.names or any(name_matches(call.comm, name) for name in self.names))
            and (not self.ports or not {call.local_port, call.post.local_port, call.pre.local_port}.isdisjoint(self.ports))
            and self.netns in (None, call.netns_inode)
            and self.owner.matches(call)
        )

    def is_shown(self, call: ListenCall, verdict: Verdict) -> bool:
        """Whether a call that matches is shown too."""
        return (
            (not self.failed or call.result != 0)
            and (not self.disagree or verdict.kind is VerdictKind.DISAGREE)
            and (not self.clamped or is_clamped(call, verdict))
        )
