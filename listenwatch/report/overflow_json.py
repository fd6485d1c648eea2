"""What ``overflow --json`` prints: a line for each listener, kind and interval, and the summary."""

from typing import Annotated, Literal, TypedDict

from listenwatch.call.forms import time_text
from listenwatch.call.keys import (
    Attach,
    Comm,
    Count,
    Incomplete,
    Limit,
    Local,
    Netns,
    Only,
    Pid,
    Port,
    Protocol,
    Queue,
    Reason,
    Seconds,
    SocketCookie,
    Somaxconn,
    Time,
)  # fmt: skip
from listenwatch.overflow.kinds import OverflowKind
from listenwatch.overflow.watch import OverflowEvent, OverflowSummary
from listenwatch.report.consumer_json import (
    AdviceObject,
    ConsumerObject,
    advice_object,
    consumer_object,
)
from listenwatch.report.listeners import who
from listenwatch.report.listeners_json import (
    ProcessObject,
    SocketUnitObject,
    process_objects,
    socket_unit_object,
)
from listenwatch.report.notices import missed_texts
from listenwatch.report.overflow_words import WORDS


class OverflowLine(TypedDict):
    """What a listener had no room for, of ``overflow --json``; null is what was not seen."""

    schema: Literal["listenwatch/overflow/1"]
    time: Annotated[Time, "the end of the interval; in the summary's totals of the last one"]
    netns: Netns
    pid: Annotated[Pid | None, "of the first process that was seen to hold it"]
    comm: Annotated[Comm | None, "of the first process"]
    protocol: Protocol | None
    local: Local | None
    port: Port | None
    kind: Annotated[str, Only(of=tuple(kind.name.lower() for kind in OverflowKind)), "what the connections met"]
    reason: Reason
    count: Annotated[int, Only(1), "how many SYNs, ACKs or connect() calls met it"]
    connections: Annotated[
        int | None, Only(0), "of how many connections, as a client sends its SYN again; a total: of all intervals; null of AF_UNIX"
    ]
    more_connections: Annotated[bool, "whether there were more than could be counted"]
    peers: Annotated[int, Only(0), "from how many addresses (AF_UNIX: processes); a total: the most in one interval"]
    more_peers: Annotated[bool, "whether there were more than could be counted"]
    queue: Annotated[Queue | None, "of the SYN queue's kinds: requests that wait for their last ACK"]
    limit: Limit | None
    somaxconn: Somaxconn | None
    socket_cookie: SocketCookie | None
    one_of: Annotated[int, Only(1), "how many listeners it could have been"]
    processes: Annotated[list[ProcessObject], "every process that was seen to hold it"]
    socket_unit: SocketUnitObject | None


class CounterObject(TypedDict):
    """A counter of /proc/net/netstat of one namespace, and what was seen of it."""

    netns: Netns
    counter: str
    kernel_least: Annotated[int, "by how much the kernel moved it, at least"]
    kernel_most: int
    seen: Count
    difference: Annotated[int, "how many were missed; below 0: counted too many"]


class ListenerAdvice(AdviceObject):
    """What to change for a listener."""

    listener: Annotated[str, "in words"]
    socket_cookie: SocketCookie
    consumer: Annotated[ConsumerObject | None, "who accepts; null where nobody looked"]


class WholeOverflow(TypedDict):
    """What the whole watch came to."""

    seconds: Seconds
    attach: Attach
    count: Annotated[Count, "the sum of all kinds"]
    listeners: Annotated[list[OverflowLine], "the totals of each listener and kind"]
    counters: list[CounterObject]
    skipped: Annotated[int | None, Only(0), "how often the kernel skipped the probe; null where no counter differs"]
    namespaces_ended: Annotated[int, Only(0), "network namespaces that ended before their counters were read: no loss"]
    advice: list[ListenerAdvice]
    incomplete: Incomplete


class OverflowSummaryLine(TypedDict):
    """The last line of ``overflow --json``."""

    schema: Literal["listenwatch/overflow-summary/1"]
    time: Time
    reason: Reason
    summary: WholeOverflow


def event_line(event: OverflowEvent) -> OverflowLine:
    """One event as one JSON object."""
    row, one_of = event.counted_listener
    processes = process_objects(row.holders if row else ())
    return {
        "schema": "listenwatch/overflow/1", "time": time_text(event.time_ns), "netns": event.netns,
        "pid": processes[0]["pid"] if processes else None, "comm": processes[0]["comm"] if processes else None,
        "protocol": row.listener.protocol if row else None, "local": event.local or None,
        "port": event.port, "kind": event.kind.name.lower(), "reason": ": ".join(WORDS[event.kind]),
        "count": event.times, "connections": event.connections, "more_connections": event.more_connections,
        "peers": event.peers, "more_peers": event.more_peers, "queue": event.queue,
        "limit": event.limit, "somaxconn": row.somaxconn if row else None,
        "socket_cookie": row.listener.cookie if row else None, "one_of": one_of, "processes": processes,
        "socket_unit": socket_unit_object(row.socket_unit if row else None),
    }


def summary_line(summary: OverflowSummary, unlisted: str) -> OverflowSummaryLine:
    """The last line; ``unlisted``: whose namespaces could not be found, empty if there are none."""
    count = sum(event.times for event in summary.totals)
    return {
        "schema": "listenwatch/overflow-summary/1", "time": time_text(summary.ended_ns),
        "reason": f"{count} times there was no room in {summary.seconds:.0f} s", "summary": {
            "seconds": summary.seconds, "attach": summary.attach, "count": count,
            "listeners": [event_line(event) for event in summary.totals],
            "counters": [
                {
                    "netns": row.namespace.inode, "counter": row.counter, "kernel_least": row.least,
                    "kernel_most": row.most, "seen": row.seen, "difference": row.difference,
                }
                for row in summary.counters
            ],
            "skipped": summary.not_counted.skipped,
            "namespaces_ended": len(summary.not_counted.gone),
            "advice": [
                {
                    "listener": who(shown.row), "socket_cookie": shown.row.listener.cookie,
                    "consumer": consumer_object(shown.consumer), **advice,
                }
                for shown in summary.advised
                if (advice := advice_object(shown))
            ],
            "incomplete": [*([unlisted] if unlisted else []), *missed_texts(summary.not_counted)],
        },
    }  # fmt: skip
