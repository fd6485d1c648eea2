"""Who accepts at a listener, in words: what keeps it from accepting, and what to do about that."""

from listenwatch.linux.terminal import escape
from listenwatch.sockets.consumer import Consumer, Progress
from listenwatch.sockets.inventory import ListenerRow
from listenwatch.sockets.process_view import EVENT_WAITS, Activity, ProcessView

_OR_RESTART = "if it does not go on by itself, restart it"


def sentence(row: ListenerRow, consumer: Consumer | None) -> str:
    """One sentence without its full stop: the cause if there is one, else that the processes are none.

    A listener without ``consumer`` has an empty queue, or was one of too many to look at.
    """
    if consumer is None and row.listener.queue:
        return "who accepts was not looked at"
    if consumer is None:
        return "nothing waits now: who holds it is not the cause"
    if not consumer.views:
        return "who accepts cannot be told: no process that can be seen holds it"
    who = _subject(consumer)
    if not consumer.is_cause:
        return _no_cause(consumer, who)
    past = "no more so, but seen while it refused: " if consumer.past else ""
    return f"{past}{_cause(consumer, who)}"


def _cause(consumer: Consumer, who: str) -> str:
    view, accepted = consumer.views[0], _accepted(consumer)
    share = f"thread {view.tid} had {view.ran:.0%} of a core"
    match consumer.activity:
        case Activity.STOPPED:
            return f"{who} is stopped: it accepts nothing"
        case Activity.TRACED:
            return f"{who} is held by process {view.tracer}, which traces it: it accepts nothing"
        case Activity.FROZEN:
            return f"{who} is frozen by its cgroup (docker pause, podman pause): it accepts nothing"
        case Activity.NO_DESCRIPTORS:
            return f"{who} has all {view.descriptors} descriptors in use that it may have: accept() fails with EMFILE"
        case Activity.BUSY:
            late = f", and waited for one {view.delayed:.0%} of the time" if view.delayed > 0.1 else ""
            return f"{who} is busy: {share}{late}; {accepted}"
        case Activity.STARVED:
            return f"{who} gets too little CPU: {share} and was ready to run {view.delayed:.0%} of the time; {accepted}"
        case Activity.WAITS_FOR_DEVICE:
            return f"{who} waits for a device or a file system (state D{_in(view)}): {accepted}"
        case Activity.WAITS_FOR_LOCK:
            return f"{_threads(view)} of {who} wait{_s(view)} for a lock{_in(view)}: {accepted}"
        case Activity.RUNS:
            return f"{who} works at something else ({view.cpu:.0%} of a core): {accepted}"
    if view.waits_in.startswith(EVENT_WAITS):
        return f"{who} waits for other events{_in(view)}, and not for these connections: {accepted}"
    return f"{who} sleeps{_in(view, ' in ')} and does not call accept(): {accepted}"


def _no_cause(consumer: Consumer, who: str) -> str:
    if consumer.progress is Progress.ACCEPTS:
        return f"{who} accepts ({_accepted(consumer)}): more came at once than the queue holds"
    if consumer.progress is Progress.NOTHING_WAITED:
        return f"{who} accepts what comes: nothing waits now"
    if consumer.progress is Progress.NOTHING_ACCEPTED:
        return f"what {who} does cannot be told: {_accepted(consumer)}"
    return f"whether {who} accepts cannot be told"


def first_aid(consumer: Consumer) -> tuple[str, ...]:
    """What to do about the cause, in order; nothing where there is none."""
    if not consumer.is_cause or consumer.past:
        return ()
    view = consumer.views[0]
    pids = " ".join(str(each.pid) for each in consumer.views)
    stacks = f"gdb -p {view.pid} --batch -ex 'thread apply all bt'"
    match consumer.activity:
        case Activity.STOPPED:
            return (f"kill -CONT {pids}",)
        case Activity.TRACED:
            return (f"end process {view.tracer}, the debugger or tracer, or have it go on",)
        case Activity.FROZEN:
            thaw = f"thaw the cgroup that /proc/{view.pid}/cgroup names (cgroup.freeze 0, or freezer.state THAWED)"
            return (f"docker unpause, podman unpause, or {thaw}",)
        case Activity.NO_DESCRIPTORS:
            raised = f"prlimit --pid {view.pid} --nofile={view.hard_limit}:, and " if _can_raise(view) else ""
            return (f"{raised}LimitNOFILE= of its unit or ulimit -n, then restart it; or close what it no longer needs",)
        case Activity.BUSY:
            return (f"see what it does: perf top -t {view.tid}, or {stacks}", f"{_OR_RESTART}; "
                    "if this is its usual load, give it more threads or processes")  # fmt: skip
        case Activity.STARVED:
            return ("see who has the processors (top) and whether its cgroup is limited (cpu.max, cpu.stat)",)
        case Activity.WAITS_FOR_DEVICE:
            return (f"see what it waits for: cat /proc/{view.pid}/task/{view.tid}/stack; dmesg",)
        case Activity.WAITS_FOR_LOCK:
            return (f"see which: {stacks}", "if nobody releases it, restart it")
    if view.waits_in.startswith(EVENT_WAITS):
        return ("see whether it has reached its own limit of connections (its log, its settings)", _OR_RESTART)
    return (f"see what it waits for: {stacks}", _OR_RESTART)


def _subject(consumer: Consumer) -> str:
    views = consumer.views
    if len(views) == 1:
        of = f" (one of {consumer.holders} that hold it)" if consumer.holders > 1 else ""
        return f"process {views[0].pid}{of}"
    pids = ", ".join(str(view.pid) for view in views[:3]) + (", ..." if len(views) > 3 else "")
    return f"each of {len(views)} processes of {consumer.holders} that hold it ({pids})"


def _accepted(consumer: Consumer) -> str:
    span = f"in {consumer.seconds:.1f} s"
    if consumer.progress is Progress.ACCEPTS:
        return f"at least {consumer.accepted} accepted {span}"
    if consumer.progress is Progress.NOTHING_ACCEPTED:
        return f"nothing was accepted {span}"
    return "whether it accepts cannot be told" if consumer.progress is Progress.UNKNOWN else "nothing waits now"


def _threads(view: ProcessView) -> str:
    return f"{view.concerned} of {view.threads} threads" if view.threads > 1 else "the only thread"


def _s(view: ProcessView) -> str:
    return "" if view.threads > 1 and view.concerned > 1 else "s"


def _in(view: ProcessView, before: str = ", in ") -> str:
    return f"{before}{escape(view.waits_in)}()" if view.waits_in else ""


def _can_raise(view: ProcessView) -> bool:
    return view.hard_limit is not None and view.descriptors is not None and view.hard_limit > view.descriptors
