"""A watch, once the probe is attached: ``watch`` imports this while the kernel verifies the probe."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import listenwatch.linux.kernel_names  # noqa: F401  running_kernel imports it, when we may not read our own files any more
from listenwatch.commands import reporting
from listenwatch.linux.command_tree import CommandTree
from listenwatch.linux.kernel import running_kernel
from listenwatch.linux.priority import run_before_others
from listenwatch.linux.privileges import READ_MAPS, keep_only
from listenwatch.linux.terminal import inform, say
from listenwatch.linux.wakeups import SignalPipe, UntilInterrupted
from listenwatch.report.notices import (
    filtered_text,
    helped_text,
    left_out_text,
    no_call_text,
    repeats_text,
)
from listenwatch.session.session import Session, run_session
from listenwatch.session.source import Attached

if TYPE_CHECKING:
    from listenwatch.features.attach import AnyEngine
    from listenwatch.model.behaviour import Behaviour
    from listenwatch.sockets.listener_filter import ListenerFilter


def watch(
    options: argparse.Namespace, command: Sequence[str], wanted: ListenerFilter, behaviour: Behaviour | None,
    signals: SignalPipe, engine: AnyEngine, announce: Callable[[], None] | None,
) -> int:
    """Start the command, if there is one, and watch until the end; the exit status. ``behaviour`` is what to judge by
    where it is not what the kernel names and its release. ``announce`` is called once the files to write are open.
    """
    call_filter = reporting.call_filter(options, wanted, followed=bool(command))
    report, failures = reporting.report_of(options), reporting.failures_of(options)
    with signals.ends_opening():
        recordings = reporting.recordings_of(options)
        pages = reporting.pages_of(options, "watched live")
    if announce is not None:
        announce()
    tree = None
    if command:
        tree = CommandTree(command, lambda process: say(filtered_text(process)), engine.enter_child)
    _settle()
    source = Attached(engine, running_kernel(), UntilInterrupted(signals, options.duration, tree))
    session = Session(source, call_filter, behaviour)
    summary = run_session(session, [report, *pages], [*recordings, *failures], options.count)
    if session.repeats:
        inform(repeats_text(session.repeats))
    left_out = engine.loss().left_out
    if left_out:
        say(left_out_text(left_out))
    if tree is not None and (alive := tree.survivors()):
        say(f"no longer followed, still running: {', '.join(alive)}{helped_text(engine.attach)}")
    if summary.is_empty:
        say(no_call_text(followed=bool(command), filtered=not call_filter.has_every_call))
    if tree is not None and tree.status:
        say(f"the command {tree.how_it_ended()}")
        return tree.exit_status
    return summary.exit_status(
        strict=options.strict, all_seen=not (engine.not_seen or left_out), fails=any(failures),
        may_be_empty=not (options.fail_on or left_out or (tree and tree.is_filtered)),
    )  # fmt: skip


def _settle() -> None:
    """Ready: read before others run, with no more privileges than that takes, once a command has its own of all of them."""
    run_before_others()
    keep_only({*READ_MAPS, "CAP_KILL"})  # a command may have become another user
