"""A .socket unit, as configparser reads it."""

import configparser
from pathlib import Path

from listenwatch.configs.declared import (
    BadConfiguration,
    Declared,
    Origin,
    Where,
    address,
    number,
    read,
)
from listenwatch.linux.terminal import escape
from listenwatch.sockets.servers import default_of


class _Repeated(dict[str, object]):
    """Values of a key that comes again are added to those before, as systemd has it; an empty one forgets them."""

    def __setitem__(self, key: str, value: object) -> None:
        before = self.get(key)
        if isinstance(before, list) and isinstance(value, list):
            value = [*before, *value] if value != [""] else []
        super().__setitem__(key, value)


def declared(path: Path) -> list[Declared]:
    """Each ``ListenStream=`` and ``ListenSequentialPacket=``, with ``Backlog=``."""
    parser = configparser.RawConfigParser(
        dict_type=_Repeated, strict=False, empty_lines_in_values=False, delimiters=("=",), comment_prefixes=("#", ";"),  # type: ignore[arg-type]
    )  # fmt: skip
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(read(path), str(path))
    except configparser.Error as error:
        raise BadConfiguration(f"{escape(str(path))}: no systemd unit: {str(error).splitlines()[0]}") from None
    if not parser.has_section("Socket"):
        raise BadConfiguration(f"{escape(str(path))}: no systemd .socket unit: there is no section [Socket]")
    values = {key: str(value).splitlines() for key, value in parser.items("Socket")}
    where = Where(str(path))
    backlog, origin = default_of("systemd"), Origin.DEFAULT
    if values.get("Backlog"):
        backlog, origin = number(values["Backlog"][-1], where, "Backlog", 0), Origin.GIVEN
    texts = [text for key in ("ListenStream", "ListenSequentialPacket") for text in values.get(key, ()) if text]
    return [Declared("systemd", *_address(text), backlog, origin, where) for text in texts]


def _address(text: str) -> tuple[str, str, int | None]:
    """``80`` (of IPv6 and with it IPv4), ``127.0.0.1:80``, ``[::1]:80``, ``/path``, ``@abstract``, ``vsock:...``."""
    if text.isdecimal():
        return "tcp6", f"[::]:{text}", int(text)
    host, _, port = text.rpartition(":")
    if port.isdecimal() and not text.startswith(("/", "@", "vsock:")):
        return *address(host, int(port)), int(port)
    return ("vsock" if text.startswith("vsock:") else "unix"), text, None
