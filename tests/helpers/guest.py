"""What a test with a guest needs: the tools, and the kernel from the mirror."""

from __future__ import annotations

from listenwatch.errors import GuestError
from listenwatch.guests import boot, fetch, fetch_headers
from tests.require import require


def needs_guest(series: str, *, headers: bool = False) -> None:
    """Go on with a kernel of this series at hand, else skip or fail, saying why."""
    try:
        boot.check_tools()
        kernel = fetch(series, progress=print)
        if headers:
            fetch_headers(kernel, progress=print)
    except GuestError as error:
        require("guest", False, str(error))
