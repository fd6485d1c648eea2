"""Of which kernel the calls of a watch or a recording are, and how they were watched."""

from typing import NamedTuple

from listenwatch.linux.kernel import Kernel
from listenwatch.model.inputs import EntryPath


class Header(NamedTuple):
    """What a recording says of itself, and a watch: the kernel the calls are made on, how it was watched, and what could not be seen so."""

    kernel: Kernel
    attach: str
    not_seen: tuple[EntryPath, ...] = ()
