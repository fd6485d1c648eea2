"""Arguments of options that say where to listen, or whom to talk to."""

import argparse
from urllib.parse import urlsplit

PLACE = "127.0.0.1:10511"
"""Where the exporter serves by default."""


def place(text: str) -> tuple[str, int]:
    """An option's argument: address and port, of IPv6 with brackets."""
    address, colon, port = text.rpartition(":")
    if not (colon and address and port.isascii() and port.isdecimal() and int(port) < 1 << 16):
        raise argparse.ArgumentTypeError(f"not an address and a port, such as {PLACE} or [::1]:10511: {text!r}")
    return address.removeprefix("[").removesuffix("]"), int(port)


def otlp_url(text: str) -> str:
    """An option's argument: a URL of HTTP, with OTLP's path where it has none."""
    return _url_of(text, "/v1/metrics", "http://localhost:4318")


def kubelet_url(text: str) -> str:
    """An option's argument: a URL of HTTP, with the path of the kubelet's pods where it has none."""
    return _url_of(text, "/pods", "https://localhost:10250")


def _url_of(text: str, path: str, example: str) -> str:
    try:
        url = urlsplit(text)
        usable = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError(f"not a URL such as {example}: {text!r}")
    return text if url.path.strip("/") else url._replace(path=path).geturl()
