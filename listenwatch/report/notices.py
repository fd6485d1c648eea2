"""What a watch cannot see, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from listenwatch.linux.privileges import ENTER_NAMESPACES, remedy
from listenwatch.model.inputs import EntryPath

if TYPE_CHECKING:
    from listenwatch.overflow.watch import NotCounted

_CALLS_BY: dict[int, str] = {EntryPath.COMPAT: "32-bit programs", EntryPath.IO_URING: "io_uring"}


def not_seen_text(entry_paths: Iterable[int]) -> str:
    """``; not seen: calls by 32-bit programs, by io_uring``, or nothing."""
    by = _by(entry_paths)
    return f"; not seen: calls {by}" if by else ""


def _by(entry_paths: Iterable[int]) -> str:
    return ", ".join(f"by {_CALLS_BY[path]}" for path in entry_paths)


def missing_texts(lost: int, left_out: int, not_seen: Iterable[int]) -> list[str]:
    """What a watch does not have of the calls there were, a text for each; empty if it has them all."""
    texts = [f"{lost} calls have no record"] if lost else []
    texts += [left_out_text(left_out)] if left_out else []
    return texts + ([f"calls {by} cannot be seen"] if (by := _by(not_seen)) else [])


def filtered_text(process: str) -> str:
    """What a seccomp filter of a process that is followed means."""
    return f"{process} has a seccomp filter: a listen() that it stops does not reach the kernel, and has no record"


def helped_text(attach: str) -> str:
    """What else is to be said of processes that run on after a watch in this attach mode."""
    return "; a process of ours stays to let their listen() through, and ends with them" if attach == "seccomp" else ""


def no_call_text(*, followed: bool, filtered: bool) -> str:
    """That nothing was seen, of a command that was ``followed`` or of the machine."""
    whose = " of the command" if followed else ""
    text = f"no listen() call{whose} was seen{' that passes the filters' if filtered else ''}"
    return f"{text}; what it has others start (docker, systemctl) is not followed" if followed else text


def repeats_text(calls: int) -> str:
    """How many calls have no line of their own, and why."""
    return f"{calls} calls were counted with others of the same inputs and outcome, as they came faster than they were read"


def left_out_text(times: int) -> str:
    """What it means that the kernel did not run the probe for some calls of this machine."""
    return (
        f"the kernel did not run the probe for {times} calls on this machine: whether one of them was the command's "
        "is not known"
    )


def missed_texts(missed: NotCounted) -> list[str]:
    """What the probe missed, a line for each; empty if nothing. A namespace that has ended is no loss: its drops were seen."""
    texts, skipped = [], f"it skipped the probe {missed.skipped} times"
    if missed.skipped is not None:
        texts.append(f"not all that the kernel counted was seen; {skipped}")
    for inode, number in missed.unplaced:
        texts.append(f"namespace {inode}: {number} of too many listeners to tell apart")
    then = remedy(ENTER_NAMESPACES) or "the kernel refuses"
    return texts + [f"namespace {inode}: its own counters may not be read: {then}" for inode in missed.refused]


def namespaces_ended_text(number: int) -> str:
    """What it means that network namespaces ended before they, or their counters, could be read: by itself no loss."""
    which = "1 network namespace" if number == 1 else f"{number} network namespaces"
    return f"short-lived: {which} ended before a look at {'it' if number == 1 else 'each'}"
