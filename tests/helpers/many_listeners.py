"""Many listeners in a network namespace of their own, in turn of IPv4, IPv6, both and AF_UNIX; each refuses a connection.

Run as ``python -m tests.helpers.many_listeners NUMBER``. It prints the namespace's inode number once all listen,
waits for a line on its standard input, then has each refuse, and prints ``{"PID": ["LOCAL", ...]}`` as JSON.
"""

from __future__ import annotations

import errno
import json
import resource
import socket
import struct
import subprocess
import sys
from contextlib import AbstractContextManager

from tests.helpers.prompted import Prompted, prompted
from tests.helpers.refusals import enter_namespace

MODULE = "tests.helpers.many_listeners"
SHARE = 4000
"""Listeners of one process: the limit of descriptors is seldom below 4096."""
FIRST_PORT = 10_000
"""20,000 from here on lie below the ephemeral ports."""
PORTS = 50_000
"""There are no more; further listeners are all of AF_UNIX."""
_RESET = struct.pack("ii", 1, 0)


def many_listeners(number: int) -> AbstractContextManager[Prompted]:
    """So many, ready to refuse."""
    return prompted(MODULE, str(number))


def address(number: int) -> tuple[socket.AddressFamily, tuple[str, int] | str, str]:
    """The family of a listener, what it is bound to, and how listenwatch writes that."""
    port = FIRST_PORT + number
    return (
        (socket.AF_INET, ("127.0.0.1", port), f"127.0.0.1:{port}"),
        (socket.AF_INET6, ("::1", port), f"[::1]:{port}"),
        (socket.AF_INET6, ("::", port), f"[::]:{port}"),
        (socket.AF_UNIX, f"\0many-{number}", f"@many-{number}"),
    )[number % 4 if number < PORTS else 3]


def connect(number: int) -> int:
    """A connection without waiting, at once reset: it stays in the accept queue. The errno of connect()."""
    family, place, _ = address(number)
    if number % 8 == 2 and number < PORTS:  # every second one of those that take both
        family, place = socket.AF_INET, ("127.0.0.1", FIRST_PORT + number)
    with socket.socket(family) as client:
        client.setblocking(False)
        result = client.connect_ex(place)
        if family != socket.AF_UNIX:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        return result


def share(numbers: range) -> None:
    """One of the processes: listen, and when told fill each queue and be refused once."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    kept = []
    for number in numbers:
        family, place, _ = address(number)
        sock = socket.socket(family)
        sock.bind(place)
        sock.listen(1)
        kept.append(sock)
    print("ready", flush=True)
    if sys.stdin.readline():
        for number in numbers:
            results = [connect(number) for _ in range(3)]
            refused = errno.EAGAIN if address(number)[0] is socket.AF_UNIX else errno.EINPROGRESS
            assert results[2] == refused, results
        print("refused", flush=True)
        sys.stdin.read()


def main(number: int) -> None:
    """Share them out among processes, which end with this one: their input does."""
    netns = enter_namespace()
    shares = [range(start, min(start + SHARE, number)) for start in range(0, number, SHARE)]
    children = [
        subprocess.Popen(
            [sys.executable, "-m", MODULE, str(numbers.start), str(numbers.stop)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for numbers in shares
    ]  # fmt: skip
    for child in children:
        assert child.stdout and child.stdout.readline() == "ready\n"
    print(netns, flush=True)
    if sys.stdin.readline():
        for child in children:
            assert child.stdin and child.stdout
            child.stdin.write("go\n")
            child.stdin.flush()
            assert child.stdout.readline() == "refused\n"
        held = {child.pid: [address(n)[2] for n in numbers] for child, numbers in zip(children, shares, strict=True)}
        print(json.dumps(held), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(int(sys.argv[1]))
    else:
        share(range(int(sys.argv[1]), int(sys.argv[2])))
