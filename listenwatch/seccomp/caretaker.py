"""What becomes of processes under the filter once nobody watches: without a listener the kernel fails their listen().

A process of its own stays behind, lets every call happen, and ends with the last of them.
"""

import contextlib
import os
import select
from collections.abc import Collection

from listenwatch.seccomp.notification import receive


def leave_with_caretaker(listeners: Collection[int]) -> None:
    """Give these descriptors away, to a caretaker where somebody is under their filter still."""
    in_use = [listener for listener in listeners if not _is_over(listener)]
    if in_use:
        parent = os.fork()
        if not parent:
            _live(in_use)
        with contextlib.suppress(ChildProcessError):  # who follows a command reaps whatever ends
            os.waitpid(parent, 0)
    for listener in listeners:
        os.close(listener)


def _is_over(listener: int) -> bool:
    poll = select.poll()
    poll.register(listener, 0)
    return bool(poll.poll(0))


def _live(listeners: list[int]) -> None:
    """The caretaker's whole life; does not return. It holds nothing of ours open, and no signal of a terminal ends it."""
    try:
        if os.fork():  # the caretaker is nobody's child whom we would have to wait for
            os._exit(0)
        os.setsid()
        os.chdir("/")
        _close_all_but(listeners)
        poll = select.poll()
        for listener in listeners:
            poll.register(listener, select.POLLIN)
        left = len(listeners)
        while left:
            for listener, events in poll.poll():
                if events & select.POLLIN:
                    if notification := receive(listener):
                        notification.let_happen()
                else:
                    poll.unregister(listener)
                    left -= 1
    finally:
        os._exit(0)


def _close_all_but(kept: Collection[int]) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    low = 3
    for descriptor in sorted(kept):
        os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))
