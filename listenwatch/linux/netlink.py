"""Dumps of sock_diag(7): a request, and the rows that answer it, as bytes.

Without pyroute2: it takes longer to import than all that ``sockets`` does, makes an object of each attribute of each
row, and has no attribute INET_DIAG_REQ_PROTOCOL, which MPTCP needs (include/uapi/linux/inet_diag.h). ``verify`` asks by
pyroute2, as a witness of its own.
"""

import os
import socket
from collections.abc import Iterator
from struct import Struct, unpack_from

SOCK_DIAG_BY_FAMILY = 20
HEADER = Struct("=IHHII")
"""struct nlmsghdr: length with itself, type, flags, sequence number, sender."""
REQUEST, DUMP = 1, 0x301  # NLM_F_REQUEST; with NLM_F_ROOT and NLM_F_MATCH
_NETLINK_SOCK_DIAG = 4  # include/uapi/linux/netlink.h
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_BUFFER = 1 << 17


def open_socket() -> socket.socket:
    """A netlink socket of the network namespace this thread is in."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)


def message(body: bytes, flags: int) -> bytes:
    """A request with its header."""
    return HEADER.pack(HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, flags, 0, 0) + body


def dump(body: bytes) -> Iterator[bytes]:
    """Each row of a dump, without its header; OSError where the kernel refuses it, also after some rows."""
    with open_socket() as sock:
        sock.send(message(body, DUMP))
        while True:
            data, start = sock.recv(_BUFFER), 0
            while start < len(data):
                length, kind, *_ = HEADER.unpack_from(data, start)
                row = data[start + HEADER.size : start + length]
                if kind in (_NLMSG_ERROR, _NLMSG_DONE):  # both begin with an errno
                    if error := -unpack_from("=i", row)[0]:
                        raise OSError(error, f"sock_diag: {os.strerror(error)}")
                    return
                yield row
                start += (length + 3) & ~3
