"""Every metric there is: its name, kind, labels and meaning. The exporter and the reference in the docs are made from these.

A counter's name gets ``_total`` where it is written.
"""

from typing import Literal, NamedTuple

from listenwatch.exporter.labels import Labels

_LISTENER = Labels._fields


class Metric(NamedTuple):
    """One metric. ``labels`` are the names of its labels, in their order."""

    name: str
    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    text: str

    @property
    def written(self) -> str:
        """The name its samples have."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


LIMIT = Metric("listenwatch_listener_limit", "gauge", _LISTENER,
    "The backlog that the kernel stored (sk_max_ack_backlog).")  # fmt: skip
ASKED = Metric("listenwatch_listener_asked", "gauge", _LISTENER,
    "The backlog that its listen() asked for, as an unsigned number; absent where that call was not seen.")  # fmt: skip
QUEUE = Metric("listenwatch_listener_queue", "gauge", _LISTENER,
    "Connections that wait for accept().")  # fmt: skip
CAPACITY = Metric("listenwatch_listener_capacity", "gauge", _LISTENER,
    "How many connections can wait for accept(): one more than the limit.")  # fmt: skip
CLAMPED = Metric("listenwatch_listener_clamped", "gauge", _LISTENER,
    "1 if it asked for more than net.core.somaxconn lets it have, for certain or by its program's usual default.")  # fmt: skip
STALE = Metric("listenwatch_listener_stale", "gauge", _LISTENER,
    "1 if it would get more if it called listen() again: somaxconn was raised since.")  # fmt: skip
SOCKETS = Metric("listenwatch_listener_sockets", "gauge", _LISTENER,
    "How many sockets have these labels, such as those of a SO_REUSEPORT group; the other gauges are of the fullest.")  # fmt: skip
OVERFLOWS = Metric("listenwatch_listener_overflows", "counter", (*_LISTENER, "reason"),
    "How often SYNs, last ACKs or connect() calls met a queue without room, by what they met. "
    "Of syn_cookie_sent and unix_blocked the connection may still be made, all others are refused.")  # fmt: skip
FOLDED = Metric("listenwatch_listeners_folded", "gauge", (),
    "Listeners without a series of their own, for --max-series; their overflows are counted with protocol=\"other\".")  # fmt: skip
LISTENERS = Metric("listenwatch_listeners", "gauge", (), "Listening sockets, in all network namespaces.")
SOMAXCONN = Metric("listenwatch_namespace_somaxconn", "gauge", ("netns",),
    "net.core.somaxconn of a network namespace that has listeners.")  # fmt: skip
KERNEL = Metric("listenwatch_namespace_kernel", "counter", ("netns", "counter"),
    "By how much the kernel moved its own counter (/proc/net/netstat) since the exporter knows the namespace.")  # fmt: skip
ATTRIBUTED = Metric("listenwatch_namespace_attributed", "counter", ("netns", "counter"),
    "What the exporter saw of that, packet by packet.")  # fmt: skip
DIFFERENCE = Metric("listenwatch_namespace_difference", "gauge", ("netns", "counter"),
    "How much of it the exporter missed; below 0: counted too many. Anything but 0 is an error of the exporter, or a loss.")  # fmt: skip
UNPLACED = Metric("listenwatch_overflows_unplaced", "counter", (),
    "Overflows of listeners too many to tell apart: counted of the namespace, and of no listener.")  # fmt: skip
CALLS = Metric("listenwatch_listen_calls", "counter", ("verdict", "rule", "backlog_rule"),
    "listen() calls by how they compare with the reference model, and by the rules that explain them (listenwatch rules).")  # fmt: skip
LOST = Metric("listenwatch_listen_calls_lost", "counter", (),
    "listen() calls that happened and have no record.")  # fmt: skip
EVENTS_DROPPED = Metric("listenwatch_events_dropped", "counter", (),
    "Lines of --events that nobody read in time.")  # fmt: skip
UNSEEN = Metric("listenwatch_unseen", "gauge", ("what",),
    "Network namespaces that could not be entered, or that only calls and refusals name; processes that could not be asked; "
    "1 pid namespace, the machine's, where the exporter runs in another: of who listens there gauges and names are missing.")  # fmt: skip
MAP_ENTRIES = Metric("listenwatch_map_entries", "gauge", ("map",),
    "Entries of a map in the kernel, which is fixed in size: listeners by reason, and namespaces.")  # fmt: skip
MAP_CAPACITY = Metric("listenwatch_map_capacity", "gauge", ("map",), "How many entries that map has room for.")
LOOK_SECONDS = Metric("listenwatch_look_seconds", "gauge", (), "How long the look at every listener took for this scrape.")
INFO = Metric("listenwatch_exporter_info", "gauge", ("version", "kernel", "attach", "overflow_attach"),
    "Always 1: the version of listenwatch, the kernel, and how its two probes are attached.")  # fmt: skip

METRICS = (
    LIMIT, ASKED, QUEUE, CAPACITY, CLAMPED, STALE, SOCKETS, OVERFLOWS, FOLDED, LISTENERS, SOMAXCONN, KERNEL, ATTRIBUTED,
    DIFFERENCE, UNPLACED, CALLS, LOST, EVENTS_DROPPED, UNSEEN, MAP_ENTRIES, MAP_CAPACITY, LOOK_SECONDS, INFO,
)  # fmt: skip
"""In the order of a scrape. The library adds its own: process_cpu_seconds_total, process_resident_memory_bytes, ..."""
