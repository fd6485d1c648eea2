"""The filter of listeners that the options of ``filter_options`` ask for, which is part of that of calls too."""

import argparse

from listenwatch.linux.netns import inode_of
from listenwatch.linux.owner_filter import OwnerFilter
from listenwatch.sockets.listener_filter import ListenerFilter


def listener_filter(options: argparse.Namespace) -> ListenerFilter:
    """The filter these options ask for, of listeners."""
    netns = None if options.netns is None else inode_of(options.netns)
    owner = OwnerFilter(options.unit or (), options.container or ())
    return ListenerFilter(options.pid or (), options.name or (), options.port or (), netns, owner)
