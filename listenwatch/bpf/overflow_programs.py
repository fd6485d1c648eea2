"""The programs of the overflow probe by attach mode: what ``features`` asks for before the probe itself is imported."""

from listenwatch.bpf.programs import BpfProgram, entry_and_return, functions_of

_CONNECTS = (
    BpfProgram("connect_entry", "syscalls/sys_enter_connect", "tracepoint"),
    BpfProgram("connect_exit", "syscalls/sys_exit_connect", "tracepoint"),
    BpfProgram("thread_sleeps", "sched_switch", "raw_tp"),
)

PROGRAMS = {
    "kprobe": (
        *entry_and_return("tcp_conn_request", required=True),
        *entry_and_return("tcp_check_req", required=True),
        *entry_and_return("cookie_v4_check"),  # CONFIG_SYN_COOKIES
        *entry_and_return("cookie_v6_check"),
        *_CONNECTS,
    ),
    "tracepoint": (
        BpfProgram("packet_begins", "netif_receive_skb", "raw_tp"),
        BpfProgram("packet_consumed", "consume_skb", "raw_tp"),
        BpfProgram("packet_dropped", "kfree_skb", "raw_tp"), *_CONNECTS,
    ),
}
"""The programs of each attach mode. The richer mode comes first: kprobes name the socket, tracepoints
the address a packet went to."""

FUNCTIONS = functions_of(PROGRAMS["kprobe"])
REQUIRED_FUNCTIONS = functions_of(PROGRAMS["kprobe"], required=True)
