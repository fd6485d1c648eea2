"""What a test with a guest needs: the tools, and the kernel from the mirror."""

from __future__ import annotations

from listenwatch.errors import GuestError
from listenwatch.guests import boot, fetch, fetch_headers, fetch_userland
from listenwatch.guests.architectures import named
from tests.require import require


def needs_guest(series: str, *, arch: str | None = None, headers: bool = False) -> None:
    """Go on with a kernel of this series at hand, and with programs for it, else skip or fail, saying why."""
    architecture = named(arch)
    try:
        boot.check_tools(architecture)
        kernel = fetch(series, architecture=architecture, progress=print)
        fetch_userland(architecture, progress=print)
        if headers:
            fetch_headers(kernel, progress=print)
    except GuestError as error:
        require("guest", False, str(error))
