"""Which listeners are wanted: what the options of a command ask for, before anything is looked at."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from listenwatch.linux.owner_filter import OwnerFilter
from listenwatch.linux.processes import name_matches

if TYPE_CHECKING:
    from listenwatch.sockets.inventory import ListenerRow


class ListenerFilter(NamedTuple):
    """Which listeners are wanted: those that match all that is given.

    Of ``pids`` and ``names`` (``name_matches``) one must be a holder's, of ``ports`` one its own; ``netns`` is an
    inode number.
    """

    pids: Collection[int] = ()
    names: Collection[str] = ()
    ports: Collection[int] = ()
    netns: int | None = None
    owner: OwnerFilter = OwnerFilter()

    def has_namespace(self, inode: int) -> bool:
        """Whether listeners of this network namespace are wanted."""
        return self.netns in (None, inode)

    def has_listener(self, row: ListenerRow) -> bool:
        """Whether a listener passes, whatever its namespace."""
        names = [process.name for process in row.holders]
        unit = row.socket_unit and row.socket_unit.name
        return (
            (not self.pids or any(process.pid in self.pids for process in row.holders))
            and (not self.names or any(name_matches(name, wanted) for name in names for wanted in self.names))
            and (not self.ports or row.listener.port in self.ports)
            and self.owner.matches_any((process.owner for process in row.holders), unit)
        )


EVERY = ListenerFilter()
