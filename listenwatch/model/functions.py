"""Kernel functions that decide a rule and have another name or file in another era, as citations give them."""

from listenwatch.model.behaviour import Behaviour


def functions_of(behaviour: Behaviour) -> dict[str, str]:
    """By the name a citation uses: the function and its file. Over IPv4, where the families had their own.

    ``tcp_syn_flood_action()`` came with the counters of a flood (v3.2); before, the answer to a SYN decided.
    """
    file = "net/ipv4/tcp_input.c" if behaviour.conn_request == "tcp_conn_request" else "net/ipv4/tcp_ipv4.c"
    conn_request = f"{behaviour.conn_request}(), {file}"
    descriptor = "__sys_listen" if behaviour.sys_listen.startswith("__") else "sys_listen"
    started_in = "net/ipv4/inet_connection_sock.c" if behaviour.listen_start == "inet_csk_listen_start" else "net/ipv4/tcp.c"
    return {
        "descriptor": f"{descriptor}(), net/socket.c",
        "sys_listen": f"{behaviour.sys_listen}(), net/socket.c",
        "inet_listen_sk": f"{behaviour.inet_listen_sk}(), net/ipv4/af_inet.c",
        "listen_start": f"{behaviour.listen_start}(), {started_in}",
        "conn_request": conn_request,
        "syn_flood_action": f"tcp_syn_flood_action(), {file}" if behaviour.syn_floods_counted else conn_request,
    }
