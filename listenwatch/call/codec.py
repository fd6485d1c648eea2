"""Calls as JSON lines and back: what ``--json`` prints and ``-o`` records. Keys are stable (call/line.py)."""

import importlib
from typing import Any

from listenwatch.call.forms import SCHEMA
from listenwatch.call.record import Flag, ListenCall
from listenwatch.call.text import local_address, local_port
from listenwatch.linux.names import errno_text, family_name, protocol_name, type_name

# call/line.py is imported where it is used: cattrs takes 50 ms, which a table does not need.


def load() -> None:
    """Import it now: a process that has given up its capabilities may not be able to read its own files later."""
    importlib.import_module("listenwatch.call.line")


def call_to_json(call: ListenCall) -> dict[str, Any]:
    """One call as one JSON object."""
    from listenwatch.call.line import write_call

    sock = call.post if call.post.seen else call.pre
    seen, returned = sock.seen, call.flags & Flag.RETURNED
    derived = {
        "schema": SCHEMA,
        "family": family_name(sock.family) if seen else None,
        "type": type_name(sock.type) if seen else None,
        "protocol": protocol_name(sock.family, sock.type, sock.protocol) if seen else None,
        "local": local_address(call) or None,
        "port": local_port(call),
        "asked": call.asked,
        "somaxconn": call.somaxconn,
        "stored": call.stored,
        "result": call.result if returned else None,
        "errno": errno_text(call.result) if returned and call.result else None,
    }
    if call.flags & Flag.SYSCTLS_UNSEEN:
        derived |= {"environment": None, "somaxconn_after": None}
    return write_call(call, derived)


def call_from_json(line: dict[str, Any]) -> ListenCall:
    """The call in a line ``call_to_json`` made; ValueError says what is wrong and where (``@ $.pre.state``)."""
    from listenwatch.call.line import read_call

    return read_call(line)
