"""A dump of sock_diag(7) as netlink sends it: one request, and each row of the answer as bytes.

pyroute2 would take 70 ms to import, and 14 ms where this takes 0.7 ms for 100 rows. It remains the second witness of
the scenarios (``conformance/harness/witness.py``), which so rests on other code than this.
"""

import os
import socket
from collections.abc import Iterator
from struct import Struct

_NETLINK_SOCK_DIAG = 4  # include/uapi/linux/netlink.h
_SOCK_DIAG_BY_FAMILY, _NLMSG_ERROR, _NLMSG_DONE = 20, 2, 3
_NLM_F_REQUEST_DUMP = 0x301
_HEADER = Struct("=IHHII")
"""struct nlmsghdr: length with itself, type, flags, sequence number, sender."""
_ERROR = Struct("=i")
_BUFFER = 1 << 17
"""More than the kernel puts into one datagram of a dump."""


def rows(request: bytes) -> Iterator[bytes]:
    """Each row that answers a request for a dump (``struct inet_diag_req_v2`` or ``unix_diag_req``).

    OSError as the kernel refuses, in an answer of its own or at the end of the dump.
    """
    head = _HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_DUMP, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as sock:
        sock.send(head + request)
        while True:
            data, start = sock.recv(_BUFFER), 0
            while start < len(data):
                length, kind, *_ = _HEADER.unpack_from(data, start)
                if kind in (_NLMSG_ERROR, _NLMSG_DONE):
                    _check(*_ERROR.unpack_from(data, start + _HEADER.size))
                    return
                yield data[start + _HEADER.size : start + length]
                start += -(-length // 4) * 4


def _check(error: int) -> None:
    if error < 0:
        raise OSError(-error, f"sock_diag: {os.strerror(-error)}")
