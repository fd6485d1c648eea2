"""The programs of the overflow probe by attach mode: what ``features`` asks for before the probe itself is imported."""

from collections.abc import Collection

from listenwatch.bpf.programs import BpfProgram, entry_and_return, functions_of, present

_PACKETS = {
    "kprobe": (
        *entry_and_return("tcp_conn_request", required=True),
        *entry_and_return("tcp_check_req", required=True),
        *entry_and_return("cookie_v4_check"),  # CONFIG_SYN_COOKIES
        *entry_and_return("cookie_v6_check"),
    ),
    "tracepoint": (
        BpfProgram("packet_begins", "netif_receive_skb", "raw_tp"),
        BpfProgram("packet_consumed", "consume_skb", "raw_tp"),
        BpfProgram("packet_dropped", "kfree_skb", "raw_tp"),
    ),
}
MODES = tuple(_PACKETS)
"""The attach modes, the richer first: kprobes name the socket, tracepoints the address a packet went to."""

_CONNECT_AT_FUNCTIONS = (
    *(program.as_trampoline(4) for program in entry_and_return("unix_stream_connect")),
    BpfProgram("unix_wait_for_peer_fentry", "unix_wait_for_peer", "fentry"),
)
_CONNECT_AT_TRACEPOINTS = (
    BpfProgram("connect_entry", "syscalls/sys_enter_connect", "tracepoint"),
    BpfProgram("connect_exit", "syscalls/sys_exit_connect", "tracepoint"),
    BpfProgram("thread_sleeps", "sched_switch", "raw_tp"),
)
TRAMPOLINE_OUTLIVES = "__bpf_tramp_image_put_deferred"
"""A function of kernels whose trampoline lives until those who sleep beyond it are back: v5.12 (commit e21aa341785c, bpf: Fix
fexit trampoline), and stable ones before. Without, a connect() that waits as we detach would return to freed memory."""

FUNCTIONS = functions_of(_PACKETS["kprobe"])
REQUIRED_FUNCTIONS = functions_of(_PACKETS["kprobe"], required=True)
FUNCTIONS_OF_CONNECT = tuple(dict.fromkeys(program.target for program in _CONNECT_AT_FUNCTIONS))


def overflow_programs(mode: str, functions: Collection[str], *, trampoline: bool) -> tuple[BpfProgram, ...]:
    """What a kernel with these functions has of a mode's programs; ``trampoline``: whether it takes fentry and fexit programs."""
    packets = present(_PACKETS[mode], functions)
    wanted = {*FUNCTIONS_OF_CONNECT, TRAMPOLINE_OUTLIVES}
    at_functions = mode == "kprobe" and trampoline and wanted <= set(functions)
    return packets + (_CONNECT_AT_FUNCTIONS if at_functions else _CONNECT_AT_TRACEPOINTS)
