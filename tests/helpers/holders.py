"""Sockets that hold a port."""

from __future__ import annotations

import socket

from listenwatch.model.bind_conflict import Holder

_OPTIONS = ("reuse", "reuseport", "v6only", "listening")


def holder(address: str, *options: str, device: int = 0) -> Holder:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = Holder(family)
    made.address = socket.inet_pton(family, address)
    made.device = device
    for option in options:
        assert option in _OPTIONS
        setattr(made, option, True)
    return made
