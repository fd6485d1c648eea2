"""A server of the standard library that serves in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer

LOOK = 0.05
"""Seconds until it sees that it is to end."""


@contextmanager
def serving(server: BaseServer) -> Iterator[None]:
    """It serves meanwhile, and is closed at the end."""
    thread = threading.Thread(target=server.serve_forever, args=(LOOK,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
