"""Listeners as JSON: what ``sockets --json`` prints, and of it what ``overflow --json`` has too."""

import json
import os
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, NotRequired, TypedDict

from listenwatch.call.forms import comm_text, time_text
from listenwatch.call.keys import (
    Asked,
    Capacity,
    Comm,
    Incomplete,
    Inode,
    Limit,
    Local,
    Netns,
    Only,
    Pid,
    Port,
    Protocol,
    Queue,
    Reason,
    SocketCookie,
    Somaxconn,
    Time,
)  # fmt: skip
from listenwatch.linux.cgroup_owner import Container, Pod
from listenwatch.linux.processes import Process
from listenwatch.report.consumer_json import (
    AdviceObject,
    ConsumerObject,
    advice_object,
    consumer_object,
)
from listenwatch.report.owner import owner_text
from listenwatch.sockets.diagnosis import Finding
from listenwatch.sockets.sampling import Sample, SampledListener
from listenwatch.sockets.socket_units import SocketUnit


class ContainerObject(TypedDict):
    """A container, by the cgroup of a process; null is what is not known of it."""

    runtime: Annotated[str | None, "docker, podman, containerd, crio, lxc or machine"]
    id: str
    name: str | None


class PodObject(TypedDict):
    """A Kubernetes pod."""

    id: Annotated[str, "Kubernetes' UID, or the id of one of Podman's"]
    name: str | None
    namespace: NotRequired[Annotated[str | None, "its namespace in Kubernetes"]]


class ProcessObject(TypedDict):
    """A process that holds a listener, as it was when its descriptors were read."""

    pid: Pid
    start: Annotated[Time, "when it was started: with the pid it names one process, and never the next of that number"]
    comm: Comm
    command: Annotated[str, "its command line, kept as comm is"]
    inner_pid: Annotated[Pid, "its pid in its own pid namespace"]
    where: Annotated[str | None, "its container or systemd unit, in one word"]
    unit: Annotated[str | None, "its systemd unit"]
    container: ContainerObject | None
    pod: PodObject | None


class SocketUnitObject(TypedDict):
    """The systemd .socket unit that process 1 listens for."""

    name: str
    backlog: Annotated[int, "its Backlog="]
    service: Annotated[str | None, "what it starts"]


def process_objects(holders: Iterable[Process]) -> list[ProcessObject]:
    """Every process that was seen to hold a listener."""
    return [
        {
            "pid": process.pid, "start": time_text(int(process.start * 10**9)),
            "comm": _kept(process.name), "command": _kept(process.command),
            "inner_pid": process.inner_pid, "where": owner_text(process.owner) or None,
            "unit": process.owner.unit, "container": _container(process.owner.container), "pod": _pod(process.owner.pod),
        }
        for process in holders
    ]


def _container(container: Container | None) -> ContainerObject | None:
    if container is None:
        return None
    return {"runtime": container.runtime or None, "id": container.id, "name": container.name or None}


def _pod(pod: Pod | None) -> PodObject | None:
    if pod is None:
        return None
    return {"id": pod.id, "name": pod.name or None, "namespace": pod.namespace or None}


def socket_unit_object(unit: SocketUnit | None) -> SocketUnitObject | None:
    """The .socket unit, None where it is none's."""
    return {"name": unit.name, "backlog": unit.backlog, "service": unit.service or None} if unit else None


def _kept(text: str) -> str:
    return comm_text(os.fsencode(text))


class FindingObject(TypedDict):
    """A property of a listener."""

    finding: Annotated[str, Only(of=tuple(finding.name.lower() for finding in Finding))]
    reason: Reason


class ListenerLine(TypedDict):
    """A listener, of ``sockets --json``."""

    schema: Literal["listenwatch/listener/1"]
    time: Annotated[Time, "of the look: the same for all listeners that it saw"]
    netns: Netns
    netns_names: Annotated[list[str], "what 'ip netns' calls it"]
    pid: Annotated[Pid | None, "of the first process that was seen to hold it"]
    comm: Annotated[Comm | None, "of the first process"]
    protocol: Protocol
    local: Local | None
    port: Port | None
    queue: Queue
    capacity: Capacity
    limit: Limit
    drops: Annotated[int | None, Only(0), "SYNs and last ACKs it refused since it was made (sk_drops); null where the kernel counts none"]
    refused_per_second: Annotated[float | None, "the same a second since the look before; null in the first"]
    asked: Annotated[Asked | None, "the backlog its listen() asked for; null where that was not seen"]
    somaxconn: Somaxconn | None
    reuseport_group: Annotated[int, Only(1), "how many listeners are in its SO_REUSEPORT group"]
    inode: Inode
    socket_cookie: SocketCookie
    processes: Annotated[list[ProcessObject], "every process that was seen to hold it"]
    socket_unit: SocketUnitObject | None
    diagnosis: Annotated[list[FindingObject], "the worst first"]
    consumer: Annotated[ConsumerObject | None, "who accepts; null where nothing waits"]
    advice: AdviceObject | None


class ListenersSummary(TypedDict):
    """What one look came to."""

    listeners: Annotated[int, Only(0), "how many were shown"]
    total: Annotated[int, Only(0), "how many there are"]
    namespaces_ended: Annotated[int, Only(0), "network namespaces that ended before a look at them: no loss"]
    incomplete: Incomplete


class ListenersSummaryLine(TypedDict):
    """The last line of each look, of ``sockets --json``."""

    schema: Literal["listenwatch/listeners-summary/1"]
    time: Time
    reason: Reason
    summary: ListenersSummary


def as_json(sampled: SampledListener, time: str) -> ListenerLine:
    """One listener as one JSON object."""
    shown, refused = sampled.shown, sampled.refused
    row, listener = shown.row, shown.row.listener
    processes = process_objects(row.holders)
    return {
        "schema": "listenwatch/listener/1", "time": time,
        "netns": row.namespace.inode, "netns_names": list(map(_kept, row.namespace.names)),
        "pid": processes[0]["pid"] if processes else None, "comm": processes[0]["comm"] if processes else None,
        "protocol": listener.protocol, "local": listener.local or None,
        "port": listener.port or None, "queue": listener.queue,
        "capacity": shown.diagnosis.capacity, "limit": listener.limit, "drops": listener.drops,
        "refused_per_second": None if refused is None else round(refused, 3), "asked": shown.asked,
        "somaxconn": row.somaxconn, "reuseport_group": row.group, "inode": listener.inode,
        "socket_cookie": listener.cookie, "processes": processes,
        "socket_unit": socket_unit_object(row.socket_unit),
        "diagnosis": [
            {"finding": finding.name.lower(), "reason": reason}
            for finding, reason in shown.diagnosis.reasons.items()
        ],
        "consumer": consumer_object(shown.consumer), "advice": advice_object(shown),
    }


def json_lines(seen: Sample) -> Iterator[str]:
    """Every listener of a look as a line of JSON, and the summary."""
    time = time_text(seen.time_ns)
    for listener in seen.listeners:
        yield json.dumps(as_json(listener, time))
    summary: ListenersSummaryLine = {
        "schema": "listenwatch/listeners-summary/1", "time": time,
        "reason": f"{len(seen.listeners)} of {seen.total} listeners",
        "summary": {
            "listeners": len(seen.listeners), "total": seen.total, "namespaces_ended": seen.ended,
            "incomplete": list(seen.unseen),
        },
    }
    yield json.dumps(summary)
