"""The check itself sends the SYNs, from a host behind a device of the program's namespace."""

import socket
from contextlib import closing

from listenwatch.labs.attempt import Attempt
from listenwatch.linux import netstat
from listenwatch.linux.outside import Outside

SYSCTLS = {
    "net.core.somaxconn": 64,
    "net.ipv4.tcp_max_syn_backlog": 128,
    "net.ipv4.tcp_syncookies": 0,
}


def check(attempt: Attempt) -> None:
    port, count = attempt.number(10_000, 20_000), attempt.number(150, 400)
    with attempt.program(port, count, sysctls=SYSCTLS) as program:
        program.wait_for("ready")
        listeners = program.listeners(port)
        cookies = program.sysctl("net.ipv4.tcp_syncookies")
        with program.inside():
            outside = Outside()
            with closing(outside.tun):
                start = netstat.read()
                answered = len(outside.syn(socket.AF_INET, port, count))
                moved = netstat.moved(start)
    seen = attempt.calls()
    attempt.require_agreement(seen)
    if not attempt.goal(1, f"it listens on port {port}", listeners, "nothing listens there"):
        return
    attempt.goal(
        2, "its SYN queue has room for them", "TCPReqQFullDrop" not in moved and listeners[0].limit >= count - 1,
        f"the SYN queue has the accept queue's limit, {listeners[0].limit}, and was full for "
        f"{moved.get('TCPReqQFullDrop', 0)} SYNs",
    )  # fmt: skip
    attempt.goal(
        3, f"each of {count} SYNs is answered, without a cookie",
        answered == count and cookies == 0 and "SyncookiesSent" not in moved,
        f"{answered} were answered, {moved.get('SyncookiesSent', 0)} of them with a cookie, and "
        f"{moved.get('ListenDrops', 0)} dropped: "
        + ("tcp_max_syn_backlog counts too" if listeners[0].limit >= count - 1 else "see the SYN queue above"),
    )  # fmt: skip
